"""What the buyer is considering. A cart reserves nothing and promises nothing."""
