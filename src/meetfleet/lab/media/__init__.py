"""Media made beforehand: speech as Opus, cameras and slides as VP8 or H.264. Nothing is encoded during a call."""
