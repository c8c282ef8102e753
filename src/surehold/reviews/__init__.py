"""What buyers say of products, once staff have read it.

A buyer says one thing of each product and cannot change it; staff publish or refuse it and change
no word of it. How many stars a product has is counted by the database, and only of what is
published.
"""
