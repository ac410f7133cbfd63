package pebble

import (
	"encoding/hex"
	"testing"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// The keys of all rows, as docs/journal.md describes them.
func TestGoldenKeys(t *testing.T) {
	id := payment.NewID(0x01020304, 5)
	const idHex = "01020304" + "0000000000000005"
	equal := func(name string, got []byte, want string) {
		t.Helper()
		if hex.EncodeToString(got) != want {
			t.Errorf("%s: got %x, want %s", name, got, want)
		}
	}
	claim := appendClaim(nil, "M1", "k")
	equal("claim", (&stretch{number: 258}).rowKey(claim), "42"+"00000102"+"4d31"+"00"+"6b"+"00")
	equal("claim of an older program", new(stretch).rowKey(claim), "4b"+"4d31"+"00"+"6b"+"00")
	equal("stretch", stretchKey(258), "49"+"6b"+"00000102")

	row := journal.SAFRef{Host: "h", Seq: 258}
	equal("store-and-forward row", appendSAFKey(nil, row), "53"+"68"+"00"+"0000000000000102")
	if got, err := parseSAFKey(appendSAFKey(nil, row)); err != nil || got != row {
		t.Errorf("store-and-forward row: %+v, %v", got, err)
	}
	equal("day", dayKey(20261121), "44"+"01352901")

	pr := journal.PresentmentRef{Date: 20261121, Destination: "visa", Payment: id, Op: 258}
	equal("presentment", appendPresentedKey(nil, &pr), "54"+"01352901"+"76697361"+"00"+idHex+"0102")
	if got, err := parsePresentedKey(appendPresentedKey(nil, &pr)); err != nil || got != pr {
		t.Errorf("presentment: %+v, %v", got, err)
	}
	equal("payment", appendPaymentKey(nil, id), "50"+idHex)

	// 2026-11-21T10:11:12.000000345Z in nanoseconds since 1970, with its top bit flipped.
	created := time.Date(2026, time.November, 21, 10, 11, 12, 345, time.UTC)
	p := payment.Payment{ID: id, Merchant: "M1", Reference: "r", Created: created}
	equal("reference", appendReferenceKey(nil, &p), "52"+"4d31"+"00"+"72"+"00"+"98ea07b4337e8159"+idHex)
	equal("log row", appendLogKey(nil, 258), "4c"+"0000000000000102")
}
