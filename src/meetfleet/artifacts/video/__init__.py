"""The video artifact: one layout of a meeting, rendered from the encoded frames of its tape. See docs/video.md."""
