"""Arrays as small pictures in their cards."""
