package message_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/spec"
	"switchyard/spec/mapping"
	"switchyard/switch/api"
	"switchyard/switch/issuer/message"
	"switchyard/switch/payment"
)

// noting is a codec that tells of what it packs.
type noting struct {
	*spec.Codec
	note func(*spec.Message)
}

func (n noting) Pack(dst []byte, m *spec.Message) ([]byte, error) {
	n.note(m)
	return n.Codec.Pack(dst, m)
}

// asIs is for a host that is sent the messages as they are.
func asIs(*spec.Message, time.Time) error { return nil }

// TestFitsTriesAll holds the messages that Fits packs to the kinds of operations and to the DEs of docs/iso8583.md: a
// kind or a DE that is added and not tried is a dialect that fails in operation.
func TestFitsTriesAll(t *testing.T) {
	var tried []*spec.Message
	note := func(m *spec.Message) {
		var c spec.Message
		c.CopyFrom(m)
		tried = append(tried, &c)
	}
	if err := message.Fits(asIs, noting{spec.MustCodec(spec.DefaultDialect), note}, ""); err != nil {
		t.Fatal(err)
	}
	mtis, des, tags := map[string]bool{}, map[int]bool{}, map[string]bool{}
	for _, m := range tried {
		mtis[m.MTI()] = true
		for de := range m.Fields {
			des[de] = true
		}
		for tag := range spec.TLVs(m.Bytes(48)) {
			tags[tag] = true
		}
	}
	for kind := range payment.Kind(payment.KindCount) {
		for _, mti := range []string{kind.Row().Request, kind.Row().Advice, kind.Row().Repeat} {
			if mti != "" && !mtis[mti] {
				t.Errorf("no %s, which a %s sends", mti, kind)
			}
		}
	}
	if got, want := fmt.Sprint(slices.Sorted(maps.Keys(des))), fmt.Sprint([]int{
		2, 3, 4, 7, 11, 12, 13, 14, 15, 18, 22, 23, 25, 32, 35, 37, 38, 39, 41, 42, 43, 48, 49, 55, 90, 95,
	}); got != want {
		t.Errorf("DEs %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(slices.Sorted(maps.Keys(tags))),
		"[01 02 03 04 05 06 07 08 09 10 11 12 13 14 17 18]"; got != want {
		t.Errorf("tags of DE48 %s, want %s", got, want)
	}
}

// TestFitsLongest: what Fits packs is as long as a gateway may make it.
func TestFitsLongest(t *testing.T) {
	longest := map[int]int{}
	note := func(m *spec.Message) {
		for de, value := range m.Fields {
			longest[de] = max(longest[de], len(value))
		}
	}
	if err := message.Fits(asIs, noting{spec.MustCodec(spec.DefaultDialect), note}, ""); err != nil {
		t.Fatal(err)
	}
	for de, n := range map[int]int{
		2: 19, 23: 3, 32: 11, 35: 37, 41: api.MaxTerminal, 42: api.MaxMerchant, 43: 40, 55: 510,
	} {
		if longest[de] != n {
			t.Errorf("the longest DE%d is %d, want %d", de, longest[de], n)
		}
	}
}

func TestFits(t *testing.T) {
	for _, name := range spec.Stock() {
		c := spec.MustCodec(name)
		err := message.Fits(asIs, c, "")
		if c.Version() == spec.ISO1987 && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.Version() == spec.ISO1993 && err == nil {
			t.Errorf("%s packs messages of 1987 as they are", name)
		}
	}
}

// TestFitsNames: what does not fit is named, each DE once.
func TestFitsNames(t *testing.T) {
	s, err := spec.Load(spec.DefaultDialect)
	if err != nil {
		t.Fatal(err)
	}
	s.Fields[12].Spec().Length = 12
	delete(s.Fields, 48)
	delete(s.Fields, 70)
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	var echo spec.Message
	echo.SetMTI("0800")
	echo.Set(70, "301")
	err = message.Fits(asIs, c, "", &echo)
	want := `0100 (authorize): DE 12 (Time, Local Transaction): want a length of 12, not 6; ` +
		`0100 (authorize): DE 48 (Additional Data, Private): want a DE that the spec defines; ` +
		`0800 (network management request): DE 70 (Network Management Information Code): want a DE that the spec defines`
	if err == nil || err.Error() != want {
		t.Errorf("error %v\n want %s", err, want)
	}
}

// TestFitsMapped: what does not fit of the messages that a host is sent is named, each DE once, although ours have none
// of these; and so is what cannot be translated.
func TestFitsMapped(t *testing.T) {
	s, err := spec.Load("iso93ascii")
	if err != nil {
		t.Fatal(err)
	}
	delete(s.Fields, 12)
	delete(s.Fields, 24)
	delete(s.Fields, 26)
	c, err := spec.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	to, err := mapping.Compile(mapping.Config{}, spec.MustCodec("iso93ascii"))
	if err != nil {
		t.Fatal(err)
	}
	var others []string
	err = message.Fits(to.Send, c, "")
	for _, text := range strings.Split(fmt.Sprint(err), "; ") {
		if !strings.HasPrefix(text, "1100 (authorize): DE ") ||
			!strings.HasSuffix(text, ": want a DE that the spec defines") {
			others = append(others, text)
		}
	}
	if n := strings.Count(fmt.Sprint(err), "; ") + 1; n != 3 || len(others) != 0 {
		t.Errorf("%d DEs, want 3: %v", n, err)
	}
	no := func(m *spec.Message, _ time.Time) error { return &spec.FieldError{DE: 90, Offset: -1, Want: "a day"} }
	err = message.Fits(no, spec.MustCodec("iso93ascii"), "")
	if want := "0100 (authorize): DE 90 (Original Data Elements): want a day"; err == nil || err.Error() != want {
		t.Errorf("error %v\n want %s", err, want)
	}
}

// refusing packs nothing.
type refusing struct{ *spec.Codec }

func (refusing) Pack([]byte, *spec.Message) ([]byte, error) {
	return nil, &spec.FieldError{DE: -1, Offset: -1, Want: "less"}
}

// TestFitsWhole: a message that is wrong as a whole ends the search.
func TestFitsWhole(t *testing.T) {
	err := message.Fits(asIs, refusing{}, "")
	if err == nil || err.Error() != "0100 (authorize): message: want less" {
		t.Errorf("error %v", err)
	}
}

// TestFitsReadsBack: a dialect that packs all and reads something else of an answer is refused, by what is read wrong:
// it took the host's right answer for a wrong one. What is only sent, and a number that is compared as one, may lose
// its zeros where it is read.
func TestFitsReadsBack(t *testing.T) {
	for name, c := range map[string]struct {
		de   int
		json string // in place of the DE's
		want string
	}{
		"zeros that are digits": {
			3, `{"type":"Numeric","length":6,"enc":"ASCII","prefix":"ASCII.Fixed","padding":{"type":"Left","pad":"0"}}`,
			`0110 (answer to authorize): DE 3 (Processing Code): want "000000" to be read as it is, not as "0"`,
		},
		"a number without its zeros": {
			4, `{"type":"Numeric","length":12,"enc":"ASCII","prefix":"ASCII.Fixed"}`,
			`DE 4 (Amount, Transaction): want `,
		},
		"a STAN": {11, `{"type":"Numeric","length":6,"enc":"ASCII","prefix":"ASCII.Fixed"}`, "DE 11 ("},
		"a month": {
			7, `{"type":"String","length":10,"enc":"ASCII","prefix":"ASCII.Fixed","padding":{"type":"Left","pad":"0"}}`,
			`DE 7 (Transmission Date and Time): want "0101000000" to be read as it is, not as "101000000"`,
		},
		"an amount that is padded": {
			4, `{"type":"Numeric","length":12,"enc":"ASCII","prefix":"ASCII.Fixed","padding":{"type":"Left","pad":"0"}}`, "",
		},
		"an expiry": {
			14, `{"type":"Numeric","length":4,"enc":"ASCII","prefix":"ASCII.Fixed","padding":{"type":"Left","pad":"0"}}`, "",
		},
		"an acquirer of one length": {
			32, `{"type":"String","length":11,"enc":"ASCII","prefix":"ASCII.Fixed"}`, "",
		},
		"a code of answers": {
			39, `{"type":"String","length":2,"enc":"ASCII","prefix":"ASCII.Fixed","padding":{"type":"Left","pad":"0"}}`,
			`0110 (answer to authorize): DE 39 (Response Code): want "00" to be read as it is, not as `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("../../../spec/" + spec.DefaultDialect + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var file map[string]any
			if err := json.Unmarshal(text, &file); err != nil {
				t.Fatal(err)
			}
			file["fields"].(map[string]any)[strconv.Itoa(c.de)] = json.RawMessage(c.json)
			if text, err = json.Marshal(file); err != nil {
				t.Fatal(err)
			}
			codec, err := spec.OpenFile("own.json", bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			err = message.Fits(asIs, codec, "12345678901")
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v\n want %s", err, c.want)
			}
		})
	}
}
