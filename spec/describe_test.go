package spec_test

import (
	"strings"
	"testing"

	"switchyard/spec"
)

func TestDescribe(t *testing.T) {
	m := golden[0].values.message()
	m.Set(55, "9F02060000000123455A084111111111111111")
	m.Set(102, "DE1234567890123456")
	want := `0100 authorization request
  002 Primary Account Number                         411111******1111
  003 Processing Code                                000000
  004 Amount, Transaction                            000000012345
  007 Transmission Date and Time                     1121202501
  011 Systems Trace Audit Number                     000123
  012 Time, Local Transaction                        202501
  013 Date, Local Transaction                        1121
  014 Date, Expiration                               hidden, 4 bytes
  018 Merchant Type                                  5411
  022 Point of Service Entry Mode                    810
  025 Point of Service Condition Code                59
  032 Acquiring Institution Identification Code      400001
  037 Retrieval Reference Number                     632510000001
  041 Card Acceptor Terminal Identification          TERM0001
  042 Card Acceptor Identification Code              MERCHANT-1
  043 Card Acceptor Name and Location                CORNER SHOP             BERLIN        DE
  048 Additional Data, Private                       18 bytes
      01 electronic commerce indicator               05
      02 initiator                                   C
      11 CVC                                         hidden, 3 bytes
  049 Currency Code, Transaction                     978
  055 Integrated Circuit Card Data                   38 hex digits
      9F02 Amount, Authorized                        000000012345
      5A   not shown                                 hidden, 8 bytes
  102 Account Identification 1                       DE1234********3456
`
	if got := spec.Describe(asciiCodec, m); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDescribeHides puts card data into every place that it can get into.
func TestDescribeHides(t *testing.T) {
	const pan = "4111111111111111"
	const cvc = "937"
	v := values{0: "0100", 2: pan, 14: "3107", 34: pan, 35: pan + "=3107101" + cvc, 36: "01" + pan, 44: pan, 45: "B" +
		pan + "^NAME^3107",
		46: "16" + pan + "99", 47: "x" + pan, 48: "1103" + cvc + "99", 52: "93793793793793AB", 53: pan, 54: "00",
		60: pan + pan, 63: "PAN=" + pan,
		102: pan, 104: pan, 120: pan, 127: "1" + pan}
	for _, chip := range []string{
		"57104111111111111111D31071019370000F", "5A08" + pan, "5608" + pan, "9F6B08" + pan, "9F1F08" + pan, "9F2008" + pan,
		"70" + "0A" + "5A08" + pan, "5A09" + pan, "DF0108" + pan,
	} {
		v[55] = chip
		got := spec.Describe(asciiCodec, v.message())
		for _, secret := range []string{"41111111111", cvc, "3107"} {
			if strings.Contains(got, secret) {
				t.Errorf("shows %q in\n%s", secret, got)
			}
		}
	}
	v[48] = "11" + "03" + cvc
	if got := spec.Describe(asciiCodec, v.message()); strings.Contains(got, cvc) {
		t.Errorf("shows the CVC in\n%s", got)
	}
	v[2] = "41111111"
	if got := spec.Describe(asciiCodec, v.message()); !strings.Contains(got, " ********\n") {
		t.Errorf("does not hide all of a short PAN in\n%s", got)
	}
}

// TestDescribeEdition: names are those of the dialect's edition, and what may hold a card number there is masked.
func TestDescribeEdition(t *testing.T) {
	const pan = "4111111111111111"
	c := spec.MustCodec("iso93ascii")
	v := values{0: "1420", 2: pan, 12: "261121202501", 39: "400", 53: "0123456789ABCDEF",
		56: "110000012326112120250106400001", 96: pan}
	for _, de := range []int{31, 43, 44, 46, 47, 59, 60, 61, 62, 63, 66, 72, 95, 98, 101, 104, 109, 110, 111, 120, 127} {
		v[de] = "card " + pan
	}
	got := spec.Describe(c, v.message())
	if strings.Contains(got, pan) || strings.Contains(got, "0123456789ABCDEF") {
		t.Errorf("shows the PAN or security data in\n%s", got)
	}
	for _, line := range []string{
		"1420 reversal advice\n",
		"  012 Date and Time, Local Transaction               261121202501\n",
		"  039 Action Code                                    400\n",
		"  056 Original Data Elements                         110000012326112120250106400001\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("want the line %q in\n%s", line, got)
		}
	}
	_, err := c.Pack(nil, values{0: "1110", 39: "00"}.message())
	if want := "DE 39 (Action Code): want a length of 3, not 2"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	err = c.Unpack([]byte("1110"+"0000000002000000"+"00"), &spec.Message{})
	if want := "DE 39 (Action Code) at byte 20: want 3 bytes, not 2"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestVersionOf: an MTI says its edition, for those who have a message and no dialect.
func TestVersionOf(t *testing.T) {
	for mti, want := range map[string]spec.Version{
		"0100": spec.ISO1987, "1804": spec.ISO1993, "9800": spec.ISO1987, "": spec.ISO1987,
	} {
		if got := spec.VersionOf(mti); got != want {
			t.Errorf("%q is of %d, want %d", mti, got, want)
		}
	}
	const pan = "card 4111111111111111"
	if got := spec.ISO1993.Shown(72, []byte(pan), false); got != "card 411111******1111" {
		t.Errorf("DE72 of 1993 is shown as %s", got)
	}
}
