"""What the text of one row says, whatever other rows say: harm, injected orders, ciphers, packed text, gradients."""
