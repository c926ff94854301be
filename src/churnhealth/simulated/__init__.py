"""A made-up company whose true churn risk is known."""
