"""What a byte of device memory holds that no copy has reached."""

POISON = 0x7A
