package guess_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"

	"switchyard/spec"
	"switchyard/spec/guess"
)

// filling hosts pack as a stock dialect does, but for what stands beside an odd number of digits.
var filling = []struct {
	name, like string
	change     func(de int, s *field.Spec)
	doubt      string // a reason that speaks against the stock dialect
}{
	{"F in all", "iso87binary-jpos", func(_ int, s *field.Spec) {
		if s.Enc == encoding.LBCD {
			s.Enc = spec.LBCDF
		}
	}, "DE2 is filled with F, where iso87binary-jpos fills with 0"},
	{"F in DE32", "iso87binary-jpos", func(de int, s *field.Spec) {
		if de == 32 {
			s.Enc = spec.LBCDF
		}
	}, "DE32 is filled with F, where iso87binary-jpos fills with 0"},
	{"DE22 to the left", "iso87bcd", func(de int, s *field.Spec) {
		if de == 22 {
			s.Enc = encoding.LBCD
		}
	}, "DE22 is no entry mode as iso87bcd reads it: it may be filled on the right"},
	{"DE49 to the left", "iso87bcd", func(de int, s *field.Spec) {
		if de == 49 {
			s.Enc = encoding.LBCD
		}
	}, ""}, // a digit stands where the filler should: it is not read
	{"DE70 to the left", "iso87bcd", func(de int, s *field.Spec) {
		if de == 70 {
			s.Enc = encoding.LBCD
		}
	}, "DE70 reads as well filled on the other side"},
}

// A host that fills odd numbers otherwise than the dialect that reads it is never certain to speak that, and what in
// its bytes speaks against it is named. Where the dialect that it speaks is among the candidates that is the first.
func TestFillers(t *testing.T) {
	for _, c := range filling {
		t.Run(c.name, func(t *testing.T) {
			own := derived(t, c.like, "own", c.change)
			doubted := false
			for seed := range 20 {
				var data, stock []byte
				for _, m := range conversation(false, seed) {
					packed, err := own.Pack(nil, m)
					if err != nil {
						t.Fatal(err)
					}
					data = append(append(data, be2(len(packed))...), packed...)
					if packed, err = spec.MustCodec(c.like).Pack(nil, m); err != nil {
						t.Fatal(err)
					}
					stock = append(append(stock, be2(len(packed))...), packed...)
				}
				if bytes.Equal(data, stock) {
					continue // no odd number in it
				}
				for _, h := range guess.Rank(data, guess.Options{}) {
					if h.Confidence == guess.Certain {
						t.Errorf("certain of %s: %s", h.Dialect, strings.Join(h.Reasons, ", "))
					}
					doubted = doubted || h.Dialect == c.like && slices.Contains(h.Reasons, c.doubt)
				}
				ranked := guess.Rank(data, guess.Options{Codecs: []*spec.Codec{spec.MustCodec(c.like), own}})
				if strings.Contains(c.doubt, "as well") {
					continue // neither is likelier
				}
				if len(ranked) == 0 || ranked[0].Dialect != "own" && slices.Contains(ranked[0].Reasons, c.doubt) {
					t.Errorf("with its dialect among the candidates: %+v", ranked)
				}
			}
			if !doubted && c.doubt != "" {
				t.Errorf("nothing said that %s", c.doubt)
			}
		})
	}
}
