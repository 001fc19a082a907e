"""TFRecord's checksum, bit by bit."""


def masked_crc(contents: bytes) -> int:
    """CRC-32C as TFRecord has it."""
    crc = 0xFFFFFFFF
    for byte in contents:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
