"""What other systems send us: webhooks of payment providers."""
