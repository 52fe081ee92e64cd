"""Which addresses a server may have without a token."""

import ipaddress

from imagenet_real.errors import InputError

MIN_TOKEN_LENGTH = 16


def is_this_machine(host: str) -> bool:
    """Returns whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_address(host: str, token: str) -> None:
    """Raises InputError if other machines could reach the server without a token."""
    if not is_this_machine(host) and len(token) < MIN_TOKEN_LENGTH:
        raise InputError(
            f"host={host} can be reached from other machines. Give --token_file=FILE with a secret of at least "
            f"{MIN_TOKEN_LENGTH} characters, or --host=127.0.0.1."
        )
