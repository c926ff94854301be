"""Why this account: effects that add up to its score, and the words for them."""
