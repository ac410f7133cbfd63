package record

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/switch/clock"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// goldenTime is 2026-11-21T10:11:12.000000345Z: 20778 days and 36672 seconds after 1970-01-01, so 1795255872 seconds,
// 1795255872000000345 nanoseconds, 18 EA 07 B4 33 7E 81 59 in hex.
var goldenTime = time.Date(2026, time.November, 21, 10, 11, 12, 345, time.UTC)

// goldenPayment has every field, each with a value of its own.
func goldenPayment() *payment.Payment {
	return &payment.Payment{
		ID: payment.NewID(1, 2), Version: 300,
		Gateway: "g", Merchant: "mm", Terminal: "t", Currency: "EUR", Reference: "r1", Entry: 3, Initiator: 2,
		MCC: "5411", Route: "visa", ECI: "05", Sequence: "001", EMV: "9F36",
		MaskedPAN: "400000******0002",
		PANHash:   [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
		SealKey:   0x0A1B2C3D, SealedCard: []byte{0xFE, 0xFF},
		Acquirer: "400001", AcceptorName: "SHOP", AcceptorCity: "BERLIN", AcceptorCountry: "DE",
		Created: goldenTime, // Expires stays zero
		Ops: []payment.Op{
			{
				Kind: payment.KindCapture, State: payment.StateQueued, Key: "k",
				Amount: 127, Granted: 128, Target: 0, Number: 1, Final: true, Advised: true, Stays: 5,
				At: goldenTime, DoneAt: goldenTime.Add(-345),
				Host: "h", STAN: 999999, DE7: "1121", RRN: "R", ResponseCode: "00", AuthCode: "A", NetworkID: "N",
				AVS: "Y", CVCResult: "M", Late: "91", Date: 20261121, ARN: "7", Source: "s/1", Reason: "4853",
				Carried: 20261122, Window: 300,
				CaptureAt: goldenTime.Add(-345), ForcePost: true, Automatic: true, PastWindow: true,
				Due: 20270105, IssuerReference: "X-1",
			},
			{Kind: payment.KindAuthorize, State: payment.StatePending, Target: payment.NoTarget},
		},
	}
}

// The bytes of goldenPayment, written down from docs/journal.md by hand; {format} and {added} are what formats differ
// in.
const goldenHex = `
	{format}
	AC 02                                             -- version number 300
	01 67  02 6D 6D  01 74  03 45 55 52  02 72 31     -- gateway, merchant, terminal, currency, reference
	03 02                                             -- entry, initiator
	04 35 34 31 31  04 76 69 73 61  02 30 35          -- mcc, route, eci
	03 30 30 31  04 39 46 33 36                       -- sequence, emv
	10 34 30 30 30 30 30 2A 2A 2A 2A 2A 2A 30 30 30 32 -- masked pan
	00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F   -- pan hash
	0A 1B 2C 3D                                       -- seal key
	02 FE FF                                          -- sealed card
	{added}
	18 EA 07 B4 33 7E 81 59                           -- created
	80 00 00 00 00 00 00 00                           -- expires: none
	02                                                -- two operations
	06 02                                             -- capture, queued
	FF FF FF F7 1F                                    -- all fields: bits 0 to 23 and 25 to 32
	01 6B                                             -- key
	7F  80 01                                         -- amount 127, granted 128
	00  01                                            -- target 0, number 1 (final and advised have no bytes)
	05                                                -- stays
	18 EA 07 B4 33 7E 81 59                           -- at
	18 EA 07 B4 33 7E 80 00                           -- done at: 345 (01 59) less
	01 68                                             -- host
	BF 84 3D                                          -- stan 999999: 0F 423F in groups of seven bits
	04 31 31 32 31  01 52                             -- de7, rrn
	02 30 30  01 41  01 4E                            -- response code, auth code, network id
	01 59  01 4D  02 39 31                            -- avs, cvc result, late
	81 D2 D4 09                                       -- date 20261121: 01 35 29 01 in groups of seven bits
	01 37                                             -- arn
	03 73 2F 31  04 34 38 35 33                       -- source, reason
	82 D2 D4 09                                       -- carried: 20261122
	18 EA 07 B4 33 7E 80 00                           -- capture at (force post, automatic, past window: no bytes)
	99 98 D5 09                                       -- due: 20270105
	AC 02                                             -- window 300
	03 58 2D 31                                       -- issuer reference X-1
	01 01 00                                          -- authorize, pending, no field
`

const (
	goldenFormat2 = "02"
	goldenAdded2  = `
	06 34 30 30 30 30 31                              -- acquirer
	04 53 48 4F 50  06 42 45 52 4C 49 4E  02 44 45    -- acceptor's name, city, country`
)

func golden(t testing.TB) []byte { return goldenOf(t, goldenFormat2, goldenAdded2) }

func goldenOf(t testing.TB, format, added string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(strings.NewReplacer("{format}", format, "{added}", added).Replace(goldenHex)) {
		line, _, _ = strings.Cut(line, "--")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A record of before issuer references were kept is read as it was, and written the same.
func TestPaymentWithoutIssuerReference(t *testing.T) {
	want, p := golden(t), goldenPayment()
	p.Ops[0].IssuerReference = ""
	want = bytes.Replace(want, []byte("\x03X-1"), nil, 1)
	want = bytes.Replace(want, []byte{0xFF, 0xFF, 0xFF, 0xF7, 0x1F}, []byte{0xFF, 0xFF, 0xFF, 0xF7, 0x0F}, 1)
	back, err := DecodePayment(p.ID, want)
	if err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("got  %+v, %v\nwant %+v", back, err, p)
	}
	if got, err := AppendPayment(nil, p); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got  %X, %v\nwant %X", got, err, want)
	}
}

func TestGoldenPayment(t *testing.T) {
	want, p := golden(t), goldenPayment()
	// Every field of the struct is in the golden payment, so that a new one cannot be forgotten here.
	for _, v := range []reflect.Value{reflect.ValueOf(*p), reflect.ValueOf(p.Ops[0])} {
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Expires" && name != "Target" {
				t.Errorf("%s.%s is not set", v.Type().Name(), name)
			}
		}
	}
	got, err := AppendPayment(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %X\nwant %X", got, want)
	}
	back, err := DecodePayment(p.ID, want)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, p) {
		t.Errorf("got  %+v\nwant %+v", back, p)
	}
	if v, err := DecodeVersion(p.ID, want); err != nil || v != 300 {
		t.Errorf("decodeVersion: %d, %v", v, err)
	}
}

// A record of format 1 reads as ever, without an acquirer and an acceptor, and is written again in the newest format.
func TestPaymentOfFormat1(t *testing.T) {
	old, p := goldenOf(t, "01", ""), goldenPayment()
	p.Acquirer, p.AcceptorName, p.AcceptorCity, p.AcceptorCountry = "", "", "", ""
	back, err := DecodePayment(p.ID, old)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, p) {
		t.Errorf("got  %+v\nwant %+v", back, p)
	}
	if v, err := DecodeVersion(p.ID, old); err != nil || v != 300 {
		t.Errorf("decodeVersion: %d, %v", v, err)
	}
	again, err := AppendPayment(nil, back)
	if want := goldenOf(t, goldenFormat2, "00 00 00 00"); err != nil || !bytes.Equal(again, want) {
		t.Errorf("written again: %X, %v\nwant %X", again, err, want)
	}
	for n := range old {
		var f *FormatError
		if _, err := DecodePayment(payment.ID{}, old[:n]); !errors.As(err, &f) || f.Offset > n {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

// A record that is cut, longer, newer or not in its one form is refused, and the error says where.
func TestPaymentErrors(t *testing.T) {
	whole := golden(t)
	for n := range whole {
		_, err := DecodePayment(payment.ID{}, whole[:n])
		var f *FormatError
		if !errors.As(err, &f) || f.Offset > n ||
			!strings.HasPrefix(err.Error(), "journal: record payment P00000000000, field ") {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	change := func(at int, with ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], with)
		return b
	}
	op := bytes.Index(whole, []byte{6, 2, 0xFF})
	second := len(whole) - 3
	for _, c := range []struct {
		name  string
		value []byte
		want  string
	}{
		{"trailing", append(bytes.Clone(whole), 0), "field end at byte " + strconv.Itoa(len(whole)) +
			": expected nothing more, found 1 bytes"},
		{
			"newer", change(0, 3),
			"field version at byte 0: expected 2 at most, found 3: a newer version of this program wrote it",
		},
		{"no format", change(0, 0), "field version at byte 0: expected 1 to 2, found 0"},
		{"long number", change(
			1, 0x80, 0x00,
		), "field version number at byte 1: expected a number (uvarint in its shortest form)"},
		{"kind", change(op, payment.KindCount), "field ops[0].kind at byte " + strconv.Itoa(op) + ": expected " +
			strconv.Itoa(payment.KindCount-1) + " at most, found " + strconv.Itoa(payment.KindCount)},
		{"state", change(op+1, payment.StateCount), "field ops[0].state at byte " + strconv.Itoa(op+1) + ": expected " +
			strconv.Itoa(payment.StateCount-1) + " at most, found " + strconv.Itoa(payment.StateCount)},
		{"unknown field", append(bytes.Clone(whole[:second+2]), 0x80, 0x80, 0x80, 0x80, 0x20),
			"field ops[1].field set at byte " + strconv.Itoa(second+2) +
				": expected a number up to 8589934591, found 8589934592"},
		{"empty field", append(change(second+2, 1), 0), "field ops[1].field set at byte " + strconv.Itoa(second+4) +
			": expected no bit for an empty field, found bit 0"},
	} {
		if _, err := DecodePayment(payment.ID{}, c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestRowRecords(t *testing.T) {
	id := payment.NewID(0x01020304, 5)
	const idHex = "01020304" + "0000000000000005"
	const mac = "000102030405060708090a0b0c0d0e0f"
	at, none := "18ea07b4337e8159", "8000000000000000"
	var sum [16]byte
	for i := range sum {
		sum[i] = byte(i)
	}
	equal := func(name string, got []byte, want string) {
		t.Helper()
		if hex.EncodeToString(got) != want {
			t.Errorf("%s: got %x, want %s", name, got, want)
		}
	}
	raw := func(s string) []byte {
		t.Helper()
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}

	e := journal.KeyEntry{Payment: id, Op: 200, MAC: sum, Claimed: goldenTime}
	wantClaim := "01" + idHex + "c801" + mac + at
	equal("claim", AppendKey(nil, &e), wantClaim)
	if got, err := DecodeKey(nil, raw(wantClaim)); err != nil || got != e {
		t.Errorf("claim: %+v, %v", got, err)
	}

	r := journal.SAFRow{SAFRef: journal.SAFRef{Host: "h", Seq: 258}, Payment: id, Op: 3, Node: 300, Queued: goldenTime,
		Parked: true, Reason: "12"}
	wantSAF := "01" + idHex + "03" + "ac02" + none + at + "01" + "023132"
	equal("store-and-forward row", AppendSAF(nil, &r), wantSAF)
	if got, err := DecodeSAF(r.SAFRef, raw(wantSAF)); err != nil || got != r {
		t.Errorf("store-and-forward row: %+v, %v", got, err)
	}

	d := journal.Day{Date: 20261121, State: journal.DaySealed, Data: []byte("{}")}
	equal("day", AppendDay(nil, &d), "01"+"03"+"027b7d")
	if got, err := DecodeDay(d.Date, raw("0103027b7d")); err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("day: %+v, %v", got, err)
	}

	log := AppendLogHead(nil, goldenTime, 2)
	log = AppendLogEntry(log, id, 300, []int{0, 200}, []int{1}, []journal.KeyClaim{{Merchant: "M1", Key: "k"}})
	log = AppendLogEntry(log, payment.ID{}, 0, nil, nil, nil)
	wantLog := "01" + at + "02" + idHex + "ac02" + "0200c801" + "0101" + "01" + "024d31" + "016b" +
		strings.Repeat("00", 12) + "00000000"
	equal("log row", log, wantLog)
	row, err := OpenLogRow(258, raw(wantLog))
	if err != nil {
		t.Fatal(err)
	}
	var c LogEntry
	if !row.Next(&c) || !reflect.DeepEqual(c, LogEntry{258, id, 300, []int{0, 200}, []int{1}, []KeyName{{"M1", "k"}}}) {
		t.Errorf("first entry: %+v", c)
	}
	if !row.Next(&c) || c.Position != 259 || !c.Payment.IsZero() || row.Next(&c) || row.End() != nil {
		t.Errorf("second entry: %+v, %v", c, row.End())
	}
}

// Cut records of every other kind are refused, and none of them panics.
func TestCutRows(t *testing.T) {
	e, r := journal.KeyEntry{Claimed: goldenTime}, journal.SAFRow{Reason: "words"}
	d := journal.Day{State: journal.DayOpen, Data: []byte("data")}
	log := AppendLogEntry(AppendLogHead(nil, goldenTime, 1), payment.NewID(1, 1), 1, []int{1}, []int{2},
		[]journal.KeyClaim{{Merchant: "M1", Key: "k"}})
	for name, c := range map[string]struct {
		value  []byte
		decode func(b []byte) error
	}{
		"claim": {AppendKey(nil, &e), func(b []byte) error {
			_,
				err := DecodeKey(func() string { return "K" }, b)
			return err
		}},
		"saf": {AppendSAF(nil, &r), func(b []byte) error { _, err := DecodeSAF(journal.SAFRef{}, b); return err }},
		"day": {AppendDay(nil, &d), func(b []byte) error { _, err := DecodeDay(0, b); return err }},
		"log": {log, func(b []byte) error {
			row, err := OpenLogRow(1, b)
			if err != nil {
				return err
			}
			var c LogEntry
			for row.Next(&c) {
			}
			return row.End()
		}},
		"number": {AppendNumber(nil, 7), func(b []byte) error { _, err := DecodeNumber("n", b); return err }},
	} {
		if err := c.decode(c.value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for n := range c.value {
			var f *FormatError
			if err := c.decode(c.value[:n]); !errors.As(err, &f) {
				t.Errorf("%s cut to %d bytes: %v", name, n, err)
			}
		}
		if err := c.decode(append(bytes.Clone(c.value), 0)); err == nil {
			t.Errorf("%s with a byte too many was taken", name)
		}
	}
}

// FuzzDecodePayment: what decodes encodes to the same bytes, so no two records mean the same payment; nothing panics.
func FuzzDecodePayment(f *testing.F) {
	f.Add(golden(f))
	f.Add(goldenOf(f, "01", ""))
	small, err := AppendPayment(nil, &payment.Payment{ID: payment.NewID(1, 1), Version: 1, Merchant: "M1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(small)
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := DecodePayment(payment.NewID(1, 1), value)
		if err != nil {
			var fe *FormatError
			if !errors.As(err, &fe) || fe.Offset > len(value) {
				t.Fatalf("%v", err)
			}
			return
		}
		again, err := AppendPayment(nil, p)
		if value[0] != paymentFormat && err == nil {
			back, err := DecodePayment(p.ID, again)
			if err != nil || !reflect.DeepEqual(back, p) {
				t.Fatalf("%x decodes to %+v, which reads as %+v once it is written again, %v", value, p, back, err)
			}
			return
		}
		if err != nil || !bytes.Equal(again, value) {
			t.Fatalf("%x decodes to %+v, which encodes to %x, %v", value, p, again, err)
		}
		if v, err := DecodeVersion(p.ID, value); err != nil || v != p.Version {
			t.Fatalf("version %d, %v, want %d", v, err, p.Version)
		}
	})
}

// The record of the time seen last, as docs/journal.md describes it.
func TestGoldenSeen(t *testing.T) {
	want, err := hex.DecodeString("01" + "18EA07B4337E8159" + "18EA07B4337E815A" + "01")
	if err != nil {
		t.Fatal(err)
	}
	seen := clock.Seen{At: goldenTime, Latest: goldenTime.Add(1), Stepped: true}
	if got := AppendSeen(nil, seen); !bytes.Equal(got, want) {
		t.Errorf("% X, want % X", got, want)
	}
	if got, err := DecodeSeen(want); err != nil || got != seen {
		t.Errorf("read back: %+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, want[:17], append(bytes.Clone(want), 0), {2}, append(bytes.Clone(want[:17]), 2)} {
		if _, err := DecodeSeen(bad); err == nil || !strings.Contains(err.Error(), "time seen last") {
			t.Errorf("% X: %v", bad, err)
		}
	}
}

// A stretch of the log, from position 258 on, made for 300 keys.
func TestGoldenStretch(t *testing.T) {
	want := []byte{1, 0, 0, 0, 0, 0, 0, 1, 2, 0xac, 0x02}
	if got := AppendStretch(nil, 258, 300); !bytes.Equal(got, want) {
		t.Errorf("%X, want %X", got, want)
	}
	if first, keys, err := DecodeStretch(1, want); err != nil || first != 258 || keys != 300 {
		t.Errorf("read back: %d, %d, %v", first, keys, err)
	}
	for n := range want {
		if _, _, err := DecodeStretch(1, want[:n]); err == nil {
			t.Errorf("cut to %d bytes: read", n)
		}
	}
}
