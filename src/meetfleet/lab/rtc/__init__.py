"""Real WebRTC towards the bots: ready-made frames go out, nothing is encoded."""
