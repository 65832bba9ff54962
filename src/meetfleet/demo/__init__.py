"""`script/demo`: one bot, from the request to the recording, driven through public doors only."""
