"""The life of an authorization: until when a bank holds money that is captured later."""
