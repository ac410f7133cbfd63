package ipmtool

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"sort"
	"strings"

	"switchyard/internal/money"
	"switchyard/switch/clearing"
)

// What a Mismatch is.
const (
	MismatchTwice   = "twice"   // a record stands more often than it may
	MismatchFileID  = "file_id" // two files have the same id
	MismatchMissing = "missing" // the journal has it, no file does
	MismatchUnknown = "unknown" // a file has it, the journal does not
	MismatchAmount  = "amount"  // both have it, with other amounts or currencies
)

// A Place is where a record stands.
type Place struct {
	File   string `json:"file"`
	Record int    `json:"record"`
}

func (p Place) String() string { return fmt.Sprintf("%s, record %d", p.File, p.Record) }

// A Mismatch is something that is wrong across files, or between them and a journal.
type Mismatch struct {
	Kind    string  `json:"kind"`
	ARN     string  `json:"arn,omitempty"`
	Payment string  `json:"payment,omitempty"`
	Message string  `json:"message"`
	Places  []Place `json:"places,omitempty"`
}

// A Booked is what must stand in the files once, as a journal says: each time that it says so in a file of its own. A
// presentment that is rejected in one file of a date may be presented again in another.
type Booked struct {
	Payment     string
	ARN         string
	Reversal    bool   // takes an earlier one back
	Function    string // DE24; "": 200, a first presentment
	AmountMinor int64
	Currency    string // ISO 4217 letters
	// IssuerReference is DE95 of a second presentment, or "".
	IssuerReference string
}

// A Match holds several files against each other, and against a journal. It keeps 40 bytes a record.
type Match struct {
	seed  maphash.Seed
	names []string
	ids   map[string]string // of files: the name of the one that has it
	stood []stood
	other []Booked // whose amount none of several records of their key has: another may be of one of these
	tell  func(*Mismatch) error
	Found int // how many mismatches were told
}

// stood is a presentment of a file.
type stood struct {
	key    uint64
	amount int64
	money  uint64 // the currency
	file   int32
	record int32
	of     uint64 // the payment by which the journal has it; noPayment: none so far
}

// noPayment is the hash of none.
const noPayment = 0

// NewMatch begins one. Each mismatch is handed to tell, whose error ends it.
func NewMatch(tell func(*Mismatch) error) *Match {
	return &Match{seed: maphash.MakeSeed(), ids: map[string]string{}, tell: tell}
}

func (m *Match) found(is Mismatch) error {
	m.Found++
	return m.tell(&is)
}

func (m *Match) key(arn, rest string) uint64 {
	return maphash.String(m.seed, arn+"\x00"+rest)
}

// Add reads a file. Records that cannot be read are passed over: Verify tells of them.
func (m *Match) Add(name string, r io.Reader) error {
	m.names = append(m.names, name)
	file := int32(len(m.names) - 1)
	_, err := each(r, func(r *clearing.Record) error {
		if r.MTI == "1644" && r.FunctionCode() == "697" {
			id, _ := r.PDS(105)
			if other, twice := m.ids[id]; twice && id != "" {
				return m.found(Mismatch{
					Kind: MismatchFileID, Message: fmt.Sprintf("file id %s is that of %s and of %s", r.ShownPDS(105), other, name),
				})
			}
			m.ids[id] = name
		}
		k := r.Key()
		if k.ARN == "" {
			return nil
		}
		amount, _ := r.AmountMinor()
		m.stood = append(m.stood, stood{
			key: m.key(k.ARN, k.MTI+k.FunctionCode+reversed(k.Reversal != "")+k.IssuerReference), amount: amount,
			money: m.key(money.Current(r.Currency()), ""), file: file, record: int32(r.Number),
		})
		return nil
	}, func(*clearing.FormatError) error { return nil })
	return err
}

func reversed(is bool) string {
	if is {
		return "R"
	}
	return ""
}

func (m *Match) place(s *stood) Place { return Place{m.names[s.file], int(s.record)} }

// aside does what takes the processor's time alone, for seconds where there is much: when ctx ends it is left to
// itself, and what it works on must not be touched any more.
func aside(ctx context.Context, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Twice tells of records that stand twice in a file. Whether one may stand in several files a journal knows, by which
// Booked and Unknown tell; where there is none it tells of these, too. When ctx ends the Match is of no use any more.
func (m *Match) Twice(ctx context.Context, journal bool) error {
	if err := aside(ctx, func() {
		slices.SortFunc(m.stood, func(a, b stood) int {
			return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
		})
	}); err != nil {
		return err
	}
	for i := 1; i < len(m.stood); i++ {
		if a, b := &m.stood[i-1], &m.stood[i]; a.key == b.key && (a.file == b.file || !journal) {
			if err := m.twice(a, b, ""); err != nil {
				return err
			}
		}
	}
	m.stood = slices.CompactFunc(m.stood, func(a, b stood) bool { return a.key == b.key && a.file == b.file })
	return nil
}

func (m *Match) twice(a, b *stood, why string) error {
	first, second := m.place(a), m.place(b)
	return m.found(Mismatch{
		Kind: MismatchTwice, Message: "a record stands twice, in " + first.String() + " and in " + second.String() + why,
		Places: []Place{first, second},
	})
}

// named are the records that a Booked may be.
func (m *Match) named(b *Booked) []stood {
	key := m.key(b.ARN, "1240"+cmp.Or(b.Function, "200")+reversed(b.Reversal)+b.IssuerReference)
	at := sort.Search(len(m.stood), func(i int) bool { return m.stood[i].key >= key })
	end := at
	for end < len(m.stood) && m.stood[end].key == key {
		end++
	}
	return m.stood[at:end]
}

// Booked looks for what a journal says that it must stand in the files. Twice was called before.
func (m *Match) Booked(b *Booked) error {
	named, payment, currency := m.named(b), m.key(b.Payment, ""), m.key(money.Current(b.Currency), "")
	if slices.ContainsFunc(named, func(s stood) bool { return s.of != noPayment && s.of != payment }) {
		if err := m.found(Mismatch{
			Kind: MismatchTwice, ARN: b.ARN, Payment: b.Payment,
			Message: "another payment of the journal has its reference, too",
		}); err != nil {
			return err
		}
	}
	for i := range named {
		if s := &named[i]; s.of == noPayment && s.amount == b.AmountMinor && s.money == currency {
			s.of = payment
			return nil
		}
	}
	if len(named) > 1 {
		m.other = append(m.other, *b)
		return nil
	}
	return m.unlike(b)
}

// unlike gives a Booked the first record that it may be, of another amount, or tells that there is none.
func (m *Match) unlike(b *Booked) error {
	named := m.named(b)
	at := slices.IndexFunc(named, func(s stood) bool { return s.of == noPayment })
	is := Mismatch{Kind: MismatchMissing, ARN: b.ARN, Payment: b.Payment}
	switch {
	case len(named) == 0:
		is.Message = "it is in the journal and in no file"
	case at < 0:
		is.Message = "the journal has it more often than the files have"
	default:
		named[at].of = m.key(b.Payment, "")
		is.Kind, is.Places = MismatchAmount, []Place{m.place(&named[at])}
		is.Message = fmt.Sprintf("its amount is another than the journal's %d %s", b.AmountMinor, b.Currency)
	}
	return m.found(is)
}

// Unknown tells of what stands in the files and was not booked. The journal has nothing more. When ctx ends the Match
// is of no use any more.
func (m *Match) Unknown(ctx context.Context) error {
	for i := range m.other {
		if err := m.unlike(&m.other[i]); err != nil {
			return err
		}
	}
	var left []unknown
	if err := aside(ctx, func() { left = m.left() }); err != nil {
		return err
	}
	for _, one := range left {
		var err error
		if place := m.place(one.stood); one.beside != nil {
			err = m.twice(one.beside, one.stood, "; the journal has it less often")
		} else {
			err = m.found(Mismatch{
				Kind: MismatchUnknown, Message: "a record is not in the journal: " + place.String(), Places: []Place{place},
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// left are the records that were not booked, in their order.
func (m *Match) left() (left []unknown) {
	for from, to := 0, 0; from < len(m.stood); from = to {
		for to < len(m.stood) && m.stood[to].key == m.stood[from].key {
			to++
		}
		of := m.stood[from:to]
		booked := slices.IndexFunc(of, func(s stood) bool { return s.of != noPayment })
		for i := range of {
			if of[i].of == noPayment {
				one := unknown{stood: &of[i]}
				if booked >= 0 {
					one.beside = &of[booked]
				}
				left = append(left, one)
			}
		}
	}
	slices.SortFunc(left, func(a, b unknown) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
	})
	return left
}

// unknown is a record that the journal does not have, though it may have one of the same name.
type unknown struct {
	*stood
	beside *stood // that one
}

// String is the mismatch for a person.
func (m *Mismatch) String() string {
	var b strings.Builder
	b.WriteString("error: ")
	if m.ARN != "" {
		b.WriteString(m.ARN + " of payment " + m.Payment + ": ")
	}
	b.WriteString(m.Message)
	if m.ARN != "" && len(m.Places) > 0 {
		b.WriteString(" (" + m.Places[0].String() + ")")
	}
	return b.String()
}
