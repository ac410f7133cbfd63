package presentment_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"switchyard/switch/presentment"
)

var shop = presentment.Snapshot{
	Name: "Shop", Street: "Street 1", City: "City", PostalCode: "12345", State: "BE", Country: "DEU", MCC: "5411",
	FeePlan: "IC", Reason: "1403", Sequence: 1, Count: 300, Format: 1, AuthCode: "A1B2C3", NetworkID: "MCC012345",
}

// What stands on disks: these bytes were put together by hand.
func TestRecordedSnapshots(t *testing.T) {
	const now = "02" + "01" + "01" + "ac02" + "04" + "53686f70" + "08" + "5374726565742031" + "04" + "43697479" +
		"05" + "3132333435" + "02" + "4245" + "03" + "444555" + "04" + "35343131" + "02" + "4943" + "04" + "31343033" +
		"06" + "413142324333" + "09" + "4d4343303132333435"
	if got := hex.EncodeToString(shop.Encode()); got != now {
		t.Errorf("a snapshot is written as\n%s, recorded is\n%s", got, now)
	}
	inWindow := shop
	inWindow.Window = 300
	if got := hex.EncodeToString(inWindow.Encode()); got != "03ac02"+now[2:] {
		t.Errorf("a snapshot in window 300 is written as\n%s", got)
	}
	if got := presentment.WindowOf(inWindow.Encode()); got != 300 {
		t.Errorf("its window is read as %d", got)
	}
	for _, other := range [][]byte{shop.Encode(), []byte(`{"q":1,"k":1}`), {3}, {3, 0x80}, nil} {
		if got := presentment.WindowOf(other); got != 0 {
			t.Errorf("%q is of window %d", other, got)
		}
	}
	before := shop
	before.Format, before.AuthCode, before.NetworkID = 0, "", ""
	for _, c := range []struct {
		text string
		want presentment.Snapshot
	}{
		{string(shop.Encode()), shop},
		{string(inWindow.Encode()), inWindow},
		{`{"n":"Shop","s":"Street 1","c":"City","p":"12345","t":"BE","y":"DEU","m":"5411","f":"IC","r":"1403","q":1,` +
			`"k":300,"v":1,"a":"A1B2C3","w":"MCC012345"}`, shop},
		{`{"n":"Shop","s":"Street 1","c":"City","p":"12345","t":"BE","y":"DEU","m":"5411","f":"IC","r":"1403","q":1,` +
			`"k":300}`, before},
		{`{"q":1,"k":1}`, presentment.Snapshot{Sequence: 1, Count: 1}},
	} {
		got, err := presentment.DecodeSnapshot([]byte(c.text))
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
}

// What is written reads back, and nothing that was cut or that goes on does.
func TestSnapshotsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 40, 200)
		s := presentment.Snapshot{
			Name: text.Draw(t, "name"), Street: text.Draw(t, "street"), City: text.Draw(t, "city"),
			PostalCode: text.Draw(t, "postal code"), State: text.Draw(t, "state"), Country: text.Draw(t, "country"),
			MCC: text.Draw(t, "mcc"), FeePlan: text.Draw(t, "plan"), Reason: text.Draw(t, "reason"),
			Sequence: rapid.IntRange(0, 1<<20).Draw(t, "sequence"), Count: rapid.IntRange(0, 1<<20).Draw(t, "count"),
			Format: rapid.IntRange(0, 1).Draw(t, "format"), AuthCode: text.Draw(t, "code"),
			NetworkID: text.Draw(t, "network"), Window: rapid.IntRange(0, 300).Draw(t, "window"),
		}
		b := s.Encode()
		if got, err := presentment.DecodeSnapshot(b); err != nil || got != s {
			t.Fatalf("%+v, %v, want %+v", got, err, s)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if got, err := presentment.DecodeSnapshot(b[:cut]); err == nil {
			t.Fatalf("cut at %d: %+v", cut, got)
		}
		if got, err := presentment.DecodeSnapshot(append(b, 0)); err == nil {
			t.Fatalf("with a byte behind it: %+v", got)
		}
	})
}

// Bytes of another hand are refused, whatever they are.
func FuzzDecodeSnapshot(f *testing.F) {
	f.Add(shop.Encode())
	f.Add([]byte(`{"q":1,"k":1}`))
	f.Add([]byte{3, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{2, 0x81, 0x00, 0x01, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := presentment.DecodeSnapshot(b)
		if err != nil || len(b) > 0 && b[0] == '{' {
			return
		}
		if again := s.Encode(); !bytes.Equal(again, b) {
			t.Errorf("%x reads as %+v, which is written as %x", b, s, again)
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	data := shop.Encode()
	for b.Loop() {
		s, err := presentment.DecodeSnapshot(data)
		if err != nil || !strings.HasPrefix(s.Name, "S") {
			b.Fatal(err)
		}
		data = s.Encode()
	}
}
