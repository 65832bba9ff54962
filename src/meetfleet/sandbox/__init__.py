"""The sandbox's own lab: a child process that runs while sandbox bots want rooms, behind a fence."""
