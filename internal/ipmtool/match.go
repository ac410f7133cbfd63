package ipmtool

import (
	"cmp"
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
	MismatchTwice   = "twice"   // a record stands in two places
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

// A Booked is what must stand in the files once, as a journal says.
type Booked struct {
	Payment     string
	ARN         string
	Reversal    bool   // takes an earlier one back
	Function    string // DE24; "": 200, a first presentment
	AmountMinor int64
	Currency    string // ISO 4217 letters
}

// A Match holds several files against each other, and against a journal. It keeps 40 bytes a record.
type Match struct {
	seed  maphash.Seed
	names []string
	ids   map[string]string // of files: the name of the one that has it
	stood []stood
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
	seen   bool
}

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
			key: m.key(k.ARN, k.MTI+k.FunctionCode+reversed(k.Reversal != "")), amount: amount,
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

// Twice tells of records that stand in two places.
func (m *Match) Twice() error {
	slices.SortFunc(m.stood, func(a, b stood) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
	})
	for i := 1; i < len(m.stood); i++ {
		if a, b := &m.stood[i-1], &m.stood[i]; a.key == b.key {
			first, second := m.place(a), m.place(b)
			if err := m.found(Mismatch{
				Kind: MismatchTwice, Message: "a record stands twice, in " + first.String() + " and in " + second.String(),
				Places: []Place{first, second},
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Booked looks for what a journal says that it must stand in the files. Twice was called before.
func (m *Match) Booked(b *Booked) error {
	key := m.key(b.ARN, "1240"+cmp.Or(b.Function, "200")+reversed(b.Reversal))
	at := sort.Search(len(m.stood), func(i int) bool { return m.stood[i].key >= key })
	if at == len(m.stood) || m.stood[at].key != key {
		return m.found(Mismatch{
			Kind: MismatchMissing, ARN: b.ARN, Payment: b.Payment, Message: "it is in the journal and in no file",
		})
	}
	if m.stood[at].seen {
		return m.found(Mismatch{
			Kind: MismatchTwice, ARN: b.ARN, Payment: b.Payment, Message: "the journal has its reference before, too",
		})
	}
	var other *stood
	for ; at < len(m.stood) && m.stood[at].key == key; at++ {
		s := &m.stood[at]
		s.seen = true
		if other == nil && (s.amount != b.AmountMinor || s.money != m.key(money.Current(b.Currency), "")) {
			other = s
		}
	}
	if other == nil {
		return nil
	}
	return m.found(Mismatch{
		Kind: MismatchAmount, ARN: b.ARN, Payment: b.Payment,
		Message: fmt.Sprintf("its amount is another than the journal's %d %s", b.AmountMinor, b.Currency),
		Places:  []Place{m.place(other)},
	})
}

// Unknown tells of what stands in the files and was not booked.
func (m *Match) Unknown() error {
	left := slices.DeleteFunc(m.stood, func(s stood) bool { return s.seen })
	slices.SortFunc(left, func(a, b stood) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.record, b.record))
	})
	for i := range left {
		place := m.place(&left[i])
		if err := m.found(Mismatch{
			Kind: MismatchUnknown, Message: "a record is not in the journal: " + place.String(), Places: []Place{place},
		}); err != nil {
			return err
		}
	}
	return nil
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
