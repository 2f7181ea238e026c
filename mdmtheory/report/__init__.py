"""The leaderboard page: samplers ranked on stored results, in Markdown."""
