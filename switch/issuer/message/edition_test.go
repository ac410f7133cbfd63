package message_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"switchyard/spec"
	"switchyard/spec/mapping"
)

// sentAs packs a case, or its repeat, as a host of a dialect is sent it, reads it back as the other end would, and
// returns the bytes, the host's message and the canonical one.
func sentAs(
	t *testing.T, c built, codec *spec.Codec, config mapping.Config, repeat bool,
) (frame []byte, theirs, back *spec.Message) {
	t.Helper()
	to, err := mapping.Compile(config, codec)
	if err != nil {
		t.Fatal(err)
	}
	var m spec.Message
	if err := builder(t).Build(&m, c.p, c.op, card, c.req, repeat); err != nil {
		t.Fatal(err)
	}
	if err := to.Send(&m, c.p.Ops[c.op].At); err != nil {
		t.Fatal(err)
	}
	if frame, err = codec.Pack(nil, &m); err != nil {
		t.Fatal(err)
	}
	theirs, back = new(spec.Message), new(spec.Message)
	if err := codec.Unpack(frame, theirs); err != nil {
		t.Fatal(err)
	}
	back.CopyFrom(theirs)
	if err := to.Receive(back); err != nil {
		t.Fatal(err)
	}
	return frame, theirs, back
}

// Every message that the switch sends goes to ISO 8583:1993 and back with nothing lost, in each dialect of it, but that
// a reversal is an advice there.
func TestThereAndBack(t *testing.T) {
	for _, name := range []string{"iso93ascii", "iso93bcd", "iso87ascii", "iso87binary-jpos"} {
		codec := spec.MustCodec(name)
		for kind, c := range cases() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				var m spec.Message
				if err := builder(t).Build(&m, c.p, c.op, card, c.req, false); err != nil {
					t.Fatal(err)
				}
				want := lines(t, &m)
				want = strings.Replace(want, "1111D30", "1111=30", 1) // which of the two stands there is the dialect's
				if codec.Version() == spec.ISO1993 {
					want = strings.Replace(want, "0400\n", "0420\n", 1)
				}
				_, _, back := sentAs(t, c, codec, mapping.Config{}, false)
				if got := strings.Replace(lines(t, back), "1111D30", "1111=30", 1); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// The messages of 1993, one a kind, with all their values.
func TestMessagesOf1993(t *testing.T) {
	all := cases()
	codec := spec.MustCodec("iso93ascii")
	datadriven.RunTest(t, "testdata/messages93", func(t *testing.T, d *datadriven.TestData) string {
		c, known := all[d.Cmd]
		if !known {
			t.Fatalf("%s: no such case", d.Pos)
		}
		delete(all, d.Cmd)
		_, theirs, _ := sentAs(t, c, codec, mapping.Config{}, false)
		return lines(t, theirs)
	})
	for name := range all {
		t.Errorf("%s is not in testdata/messages93", name)
	}
}

// What is sent of a payment does not hang on the clock: a repeat of it, a year or a restart later, is the same but for
// its MTI.
func TestRepeatsOf1993(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		codec := spec.MustCodec("iso93ascii")
		repeats := 0
		for kind, c := range cases() {
			c.req = nil
			first, _, _ := sentAs(t, c, codec, mapping.Config{}, false)
			time.Sleep(366 * 24 * time.Hour)
			again, _, _ := sentAs(t, c, codec, mapping.Config{}, true)
			if string(first[4:]) != string(again[4:]) {
				t.Errorf("%s: %q, then %q", kind, first, again)
			}
			if string(first[:4]) != string(again[:4]) {
				repeats++
			}
		}
		if repeats < 5 {
			t.Errorf("%d messages have a repeat of another MTI, want the advices to", repeats)
		}
	})
}

// DE12 of 1993 is DE7 with its year, and so names an original in DE56 as DE90 does.
func TestOriginalOf1993(t *testing.T) {
	all := cases()
	c := all["capture-first"]
	c.p.Ops[0].DE7 = "1121202700" // the clock of the numbers ran ahead
	_, first, _ := sentAs(t, built{c.p, 0, request()}, spec.MustCodec("iso93ascii"), mapping.Config{}, false)
	_, capture, back := sentAs(t, c, spec.MustCodec("iso93ascii"), mapping.Config{}, false)
	if got, want := capture.String(56), "1100"+first.String(11)+first.String(12)+"06400001"; got != want {
		t.Errorf("DE56 %s, want %s", got, want)
	}
	if got := back.String(90)[10:20]; got != first.String(7) {
		t.Errorf("DE90 names DE7 %s, want %s", got, first.String(7))
	}
}
