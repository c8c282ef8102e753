"""What is sold: products, variants, prices, categories, pictures, vendors."""
