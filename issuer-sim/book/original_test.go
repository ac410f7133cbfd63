package book_test

import (
	"fmt"
	"testing"
	"time"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
	"switchyard/spec"
)

// BenchmarkUnknownOriginal takes reversals that say nothing of their original but an RRN that nobody knows. As many
// messages of their card are remembered as a 32nd of the cards may have by default.
func BenchmarkUnknownOriginal(b *testing.B) {
	const remembered = 4_000_000 / 32
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	books := book.New(1, book.Limits{Cards: 32, Authorizations: 32, Messages: 32 * remembered}, new(rules.Current))
	process := func(mti string, number int, want string) {
		var m spec.Message
		m.SetMTI(mti)
		m.Set(2, "4000000000000515") // declined
		m.Set(3, "000000")
		m.SetUint(4, 1000, 12)
		m.Set(7, "1126120000")
		m.SetUint(11, uint64(number%999_999+1), 6)
		m.Set(32, "400001")
		m.Set(37, fmt.Sprintf("%012d", number))
		m.Set(41, "T1")
		m.Set(42, "M1")
		m.Set(49, "978")
		var (
			r   message.Request
			out book.Outcome
		)
		if err := r.Parse(&m); err != nil {
			b.Fatal(err)
		}
		if books.Process(&r, &out, at); out.Code.Text() != want {
			b.Fatalf("%s %d: %s, want %s", mti, number, out.Code.Text(), want)
		}
	}
	number := 0
	for range remembered {
		number++
		process("0100", number, "51")
	}
	number++
	process("0420", number, "25") // the first one
	b.ReportAllocs()
	for b.Loop() {
		number++
		process("0420", number, "25")
	}
}
