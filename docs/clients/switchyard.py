"""A client of Switchyard's gateway port with nothing but Python's standard library (3.9 and later).

Amounts are minor units: 1250 EUR is 12.50. What moves money has a key: whoever does not learn what became of a request
sends the same request with the same key again, and it is done once. docs/gateway-protocol.md has all operations.
    python3 switchyard.py 127.0.0.1:7583 ORDER [--ca FILE --cert FILE --key FILE] [--name GATEWAY --secret-file FILE]
"""

import argparse
import functools
import json
import socket
import ssl
import time


class Lost(Exception):
    """No answer came: nobody here knows what became of the request. Send it again, with its key."""


class Refused(Exception):
    """The switch refused the request: nothing was done, unless code is "internal", after which status tells."""

    def __init__(self, error):
        super().__init__(f"{error['code']} {error.get('field', '')}: {error['message']}")
        self.code, self.field, self.retry = error["code"], error.get("field"), error.get("retry", False)


class Switch:
    """A connection, for one request after the other. One that has lost an answer is closed."""

    def __init__(self, host, port, tls=None, gateway=None, secret=None, timeout_s=30):
        plain = socket.create_connection((host, port), timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        self.lines = self.socket.makefile("rb")
        if gateway:
            try:
                self.do({"op": "hello", "gateway": gateway, "secret": secret})
            except Refused:
                self.close()
                raise

    def do(self, request):
        """Sends a request, a dict of the protocol's fields, and returns the answer, a dict too."""
        try:
            self.socket.sendall(json.dumps({**request, "id": "1"}).encode() + b"\n")
            line = self.lines.readline()
        except OSError as e:
            self.close()
            raise Lost(str(e)) from e
        if not line.endswith(b"\n"):
            self.close()
            raise Lost("the connection ended before the answer")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    def close(self):
        self.lines.close()
        self.socket.close()


def ask(connect, request, tries=5, pause_s=1):
    """Sends a request, on a new connection each time, until it is answered. Its key makes it one operation."""
    while True:
        tries -= 1
        try:
            switch = connect()
            try:
                return switch.do(request)
            finally:
                switch.close()
        except (Lost, OSError, Refused) as e:
            if tries == 0 or isinstance(e, Refused) and not e.retry:
                raise
        time.sleep(pause_s)


if __name__ == "__main__":
    args = argparse.ArgumentParser(description="Authorize 12.50 EUR with a test card, and capture them.")
    args.add_argument("address")
    args.add_argument("order", help="names the order: the same one again is charged once")
    for flag in ("--ca", "--cert", "--key", "--name", "--secret-file"):
        args.add_argument(flag)
    args = args.parse_args()
    tls = ssl.create_default_context(cafile=args.ca) if args.ca or args.cert else None
    if args.cert:
        tls.load_cert_chain(args.cert, args.key)
    secret = open(args.secret_file).read().strip() if args.secret_file else None
    host, port = args.address.rsplit(":", 1)
    connect = functools.partial(Switch, host, int(port), tls, args.name, secret)
    card = {"number": "4000000000000002", "expiry": "3012", "cvc": "123"}
    made = ask(connect, {"op": "authorize", "key": args.order + "/auth", "merchant": "SHOP1", "terminal": "T1",
                         "amount": 1250, "currency": "EUR", "card": card})
    print(made["payment"], made["status"], made.get("response_code", ""), made["reason"])
    if made["approved"]:
        taken = ask(connect, {"op": "capture", "key": args.order + "/ship", "payment": made["payment"]})
        print(taken["payment"], taken["status"], taken["captured"], taken["currency"])
