#!/usr/bin/env python3
"""Writes the golden clearing files beside it, with Python's own cp500 codec and none of the Go code.

Run by hand, from this folder, when the layout changes: python3 golden.py
"""
import struct


def ll(v): return "%02d%s" % (len(v), v)
def lll(v): return "%03d%s" % (len(v), v)
def pds(*subs): return lll("".join("%04d%03d%s" % (t, len(v), v) for t, v in subs))


def record(codec, mti, elements):
    bits, body = 1 << 127, b""
    for de, value in elements:
        bits |= 1 << (128 - de)
        if isinstance(value, bytes):  # DE55: the length is text, the value is not
            body += ("%03d" % len(value)).encode(codec) + value
        else:
            body += value.encode(codec)
    return mti.encode(codec) + bits.to_bytes(16, "big") + body


def place(name, street, city, postal, state, country):
    return ll("%s\\%s\\%s\\%-10s%-3s%s" % (name, street, city, postal, state, country))


FILE_ID = "002" + "261121" + "00000012345" + "00007"

MESSAGES = [
    ("1644", [(24, "697"), (48, pds((105, FILE_ID), (122, "T"))), (71, "00000001")]),
    # A purchase by chip: 12.34 EUR.
    ("1240", [
        (2, ll("4111111111111111")), (3, "000000"), (4, "000000001234"), (12, "261121142233"), (14, "2912"),
        (22, "5101015F3340"), (23, "001"), (24, "200"), (25, "1403"), (26, "5411"),
        (31, ll("12345676325000000000012")), (32, ll("123456")), (33, ll("00000012345")), (37, "6325A0000001"),
        (38, "A1B2C3"), (40, "201"), (41, "TERM0001"), (42, "%-15s" % "SHOP-7"),
        (43, place("Corner Shop", "1 High St", "Dublin", "D01 X2Y3", "", "IRL")),
        (48, pds((23, "CT1"), (148, "9782"))), (49, "978"), (55, bytes.fromhex("9F2608C0FFEE40404040009F270180")),
        (63, lll(" %-15s" % "TRACE12345")), (71, "00000002"), (94, ll("00000012345"))]),
    # A refund: 500 JPY, with nothing optional.
    ("1240", [
        (2, ll("5555555555554444")), (3, "200000"), (4, "000000000500"), (12, "261121000000"), (22, "1000S0S00000"),
        (24, "200"), (26, "5999"), (31, ll("12345676325000000000020")), (33, ll("00000012345")),
        (43, place("A", " ", " ", "", "", "JPN")), (48, pds((148, "3920"))), (49, "392"), (71, "00000003"),
        (94, ll("00000012345"))]),
    # A reversal of a purchase of 1.001 KWD on a card of nineteen digits, online.
    ("1240", [
        (2, ll("4000000000000000006")), (3, "000000"), (4, "000000001001"), (12, "261120235959"), (22, "1009S0S00000"),
        (24, "200"), (26, "4816"), (31, ll("12345676324000000000039")), (33, ll("00000012345")), (37, "6324A0000009"),
        (42, "%-15s" % "WEB"), (43, place("Web & Co.", "Gulf Rd 5", "Kuwait City", "13001", "KU", "KWT")),
        (48, pds((25, "R261120"), (52, "212"), (148, "4143"))), (49, "414"), (71, "00000004"),
        (94, ll("00000012345"))]),
    ("1644", [(24, "695"), (48, pds((105, FILE_ID), (301, "%016d" % (1234 + 500 + 1001)), (306, "%08d" % 5))),
              (71, "00000005")]),
]


def vbs(codec):
    out = b""
    for mti, elements in MESSAGES:
        r = record(codec, mti, elements)
        out += struct.pack(">I", len(r)) + r
    return out + b"\0\0\0\0"


def rdw(codec):
    out = b""
    for mti, elements in MESSAGES:
        r = record(codec, mti, elements)
        out += struct.pack(">HH", len(r) + 4, 0) + r
    return out


def blocked(data):
    out = b""
    for i in range(0, len(data), 1012):
        out += data[i:i + 1012].ljust(1012, b"\x40") + b"\x40\x40"
    return out


def save(name, data):
    with open(name, "w") as f:
        for i in range(0, len(data), 32):
            f.write(data[i:i + 32].hex() + "\n")


save("golden-cp500-1014.hex", blocked(vbs("cp500")))
save("golden-cp500-vbs.hex", vbs("cp500"))
save("golden-ascii-1014.hex", blocked(vbs("latin_1")))
save("golden-ascii-vbs.hex", vbs("latin_1"))
save("golden-cp500-1014-rdw.hex", blocked(rdw("cp500")))
save("golden-ascii-rdw.hex", rdw("latin_1"))
with open("cp500.hex", "w") as f:  # ISO 8859-1 of each cp500 byte
    table = bytes(range(256)).decode("cp500").encode("latin_1")
    for i in range(0, 256, 16):
        f.write(table[i:i + 16].hex() + "\n")
