package issuersim_test

import (
	"fmt"
	"strings"
	"testing"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
)

// TestRepeats answers with what was listed, and DE11, 38 and 39, alone.
func TestRepeats(t *testing.T) {
	const said = " exp=3012 de12=120000 de13=1121 postal=10115"
	for _, c := range []struct {
		repeats []int
		sends   string
		want    string // the elements of the answer
	}{
		{nil, "0100 stan=1" + said, "3 4 7 11 12 13 32 37 38 39 41 42 48 49"},
		{nil, "0100 stan=2 pan=4000000000000101" + said, "3 4 7 11 12 13 32 37 38 39 41 42 48 49 54"},
		{nil, "0800 stan=3 net=301", "7 11 32 39 70"},
		{[]int{}, "0100 stan=1" + said, "11 38 39"},
		{[]int{}, "0100 stan=2 pan=4000000000000101" + said, "11 38 39"},
		{[]int{}, "0420 stan=3 orig=0100:1 rrn=R1", "11 39"},
		{[]int{}, "0800 stan=4 net=301", "11 39"},
		{[]int{}, "0500 stan=5 date=1121 de50=978", "11 15 39 50 66 74 75 76 77 81 86 87 88 89 97"},
		{[]int{37, 41, 11}, "0200 stan=1 amount=5" + said, "11 37 38 39 41"},
		{[]int{37, 41, 11}, "0200 stan=1 amount=-", "11 37 39 41"}, // a format error
		{[]int{2, 4}, "0100 stan=1" + said, "2 4 11 38 39"},
		{[]int{4, 54}, "0100 stan=2 pan=4000000000000101" + said, "4 11 38 39 54"},
		{[]int{48, 70}, "0100 stan=1" + said, "11 38 39 48"},
		{[]int{48, 70}, "0800 stan=2 net=301", "11 39 70"},
	} {
		t.Run(fmt.Sprint(c.repeats, " ", c.sends), func(t *testing.T) {
			s := start(t, issuersim.Options{Repeats: c.repeats})
			got := s.exchange(s.line(c.sends))
			var has []string
			for de := 2; de <= spec.MaxDE; de++ {
				if got.Has(de) {
					has = append(has, fmt.Sprint(de))
				}
			}
			if is := strings.Join(has, " "); is != c.want {
				t.Errorf("answered with DE%s, want DE%s", is, c.want)
			}
		})
	}
}

// TestSwappedWithLess swaps the STANs of answers that have no DE7.
func TestSwappedWithLess(t *testing.T) {
	const swapped = "rules: [{when: {mti: ['0100']}, fault: {kind: swapped}}]"
	rules, err := issuersim.ParseRules("f.yaml", strings.NewReader(swapped))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, issuersim.Options{Repeats: []int{37}, Rules: rules})
	s.send(s.line("0100 stan=1"), s.line("0100 stan=2"))
	got := map[string]string{}
	for range 2 {
		m := s.receive()
		if m.Has(7) {
			t.Error("an answer has DE7")
		}
		got[m.String(11)] = m.String(37)
	}
	if got["000001"] != pad("R2", 12) || got["000002"] != pad("R1", 12) {
		t.Errorf("STANs and RRNs %v", got)
	}
}

// TestCodes answers with other codes, in either edition.
func TestCodes(t *testing.T) {
	s := start(t, issuersim.Options{Codes: map[string]string{"00": "51", "51": "00"}})
	for _, c := range [][2]string{{"0100 stan=1", "0110 51"}, {"0100 stan=2 pan=4000000000000515", "0110 00"},
		{"0100 stan=3 pan=4000000000000549", "0110 54"}, {"0800 stan=4 net=301", "0810 51"}} {
		got := s.exchange(s.line(c[0]))
		if said := got.MTI() + " " + got.String(39); said != c[1] {
			t.Errorf("%s: %s, want %s", c[0], said, c[1])
		}
	}
	if _, err := issuersim.New(issuersim.Options{
		Listener: listen(t), Codec: spec.MustCodec("iso93ascii"), Codes: map[string]string{"00": "000"},
	}); err == nil || !strings.Contains(err.Error(), `codes: 00: "00": expected a response code of 3 characters`) {
		t.Errorf("a code of another edition: %v", err)
	}
}
