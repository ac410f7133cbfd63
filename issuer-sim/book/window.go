package book

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"

	"switchyard/issuer-sim/message"
)

// window is what the clearing system has to tell its members at the end of the window that is open, and the numbers of
// the files in which it does.
type window struct {
	mu        sync.Mutex
	queue     []Item
	positions map[PositionKey]*Position
	members   map[string]string // members of whom files came, to the mode of the newest
	files     map[string]bool   // ids of the clearing system's own files that were made
	sequences map[string]int    // the last of a date, YYMMDD
	cycles    map[string]int    // windows that were closed, of a date
	clocked   int64             // up to which windows were ended by the clock, Unix seconds; 0: none was ever begun
	seen      map[string]Seen   // files of a watched folder that were answered, by their paths
	reference uint64            // the last that a chargeback was given
}

// MaxQueued is how many chargebacks, requests and fees wait for the end of a window at the most.
const MaxQueued = 1_000_000

// ErrQueueFull refuses what the next window has no room for.
var ErrQueueFull = errors.New("too much waits for the end of the window")

// ItemKind is what an item is. The numbers stand nowhere.
type ItemKind uint8

// What waits for the end of a window.
const (
	ItemChargeback ItemKind = iota
	ItemRetrieval
	ItemFee
)

// Item is a message that waits for the end of the window.
type Item struct {
	Kind     ItemKind
	To       Addressee
	Card     message.Digits
	Acquirer message.Digits
	RRN      message.Reference
	ARN      message.ARN
	AuthCode [6]byte
	Merchant [15]byte
	Currency uint16
	Local    uint32 // DE12, seconds since 2000; 0 if it is not known
	Original int64  // of the presentment
	Amount   int64  // of this
	Credit   bool   // of a fee: the member is paid
	Second   bool   // of a chargeback: it is of a second presentment
	Part     bool   // … of a part of what was presented, or presented again
	Reason   uint16
	// Reference is DE95 of a chargeback, which all messages of its dispute have; 0 in logs of earlier days.
	Reference uint64
	Source    string // the file of the presentment
	Terms     Terms
}

// Terms are what the clearing system adds to an amount: the same in the currency that is settled in, and its fee.
type Terms struct {
	Currency uint16  // DE50
	Amount   int64   // DE5
	Rate     uint32  // DE9: the number of its decimals, then seven digits
	FeeKind  [4]byte // PDS0146: type, processing; zero for no fee
	Fee      int64   // in the currency of the amount
	FeeIn    int64   // in the one that is settled in
}

// Addressee is a member as it is told: what is of its test files apart from what is of its production files.
type Addressee struct {
	Member string // as in PDS0105, 11 digits
	Mode   string // PDS0122, P or T
}

// PositionKey names a position.
type PositionKey struct {
	Addressee
	Currency uint16 // that is settled in
}

// Position is what the window has come to so far for an addressee in a currency. Debits and credits are the
// cardholders'.
type Position struct {
	Debits, Credits Sum
	Fees            int64 // that the member owes, minor units
}

// Net is what the member is owed without fees.
func (p *Position) Net() int64 { return p.Debits.AmountMinor - p.Credits.AmountMinor }

// Add adds another position.
func (p *Position) Add(o *Position) {
	p.Debits.Number += o.Debits.Number
	p.Debits.AmountMinor += o.Debits.AmountMinor
	p.Credits.Number += o.Credits.Number
	p.Credits.AmountMinor += o.Credits.AmountMinor
	p.Fees += o.Fees
}

// Count counts an amount that debits or credits the cardholder, with its fee.
func (p *Position) Count(credit bool, t *Terms) {
	if credit {
		p.Credits.Number++
		p.Credits.AmountMinor += t.Amount
		p.Fees -= t.FeeIn
		return
	}
	p.Debits.Number++
	p.Debits.AmountMinor += t.Amount
	p.Fees += t.FeeIn
}

// Seen says which file of a watched folder was answered: one of another length or time is another.
type Seen struct {
	Bytes     int64
	UnixNanos int64 // when it was changed last
}

// Taken is the end of a member's file: taken, or refused as a whole.
type Taken struct {
	File    string // its id; empty where it was refused
	Mode    string // PDS0122
	Answer  string // the id of the file that answers it; empty for none
	Path    string // in the watched folder; empty for one that came otherwise
	Seen    Seen
	Amounts map[uint16]*Position // of what was accepted, by the currency that is settled in
}

// Closed is the end of a window. One without files had nothing to tell, and goes on.
type Closed struct {
	Date    string   // YYMMDD
	Files   []string // ids of the files that tell of it
	Clocked int64    // at which time it was to end by the clock, Unix seconds; 0: it was told to
}

func newWindow() window {
	return window{
		positions: map[PositionKey]*Position{}, members: map[string]string{}, files: map[string]bool{},
		sequences: map[string]int{}, cycles: map[string]int{}, seen: map[string]Seen{},
	}
}

// MemberOf is the processor in a file's id.
func MemberOf(id string) string {
	if len(id) != fileIDLength {
		return ""
	}
	return id[memberStart:memberEnd]
}

// Places in PDS0105: type 3, date 6, processor 11, sequence 5.
const (
	fileIDLength = 25
	dateStart    = 3
	memberStart  = 9
	memberEnd    = 20
)

func (w *window) room() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) < MaxQueued
}

// add puts an item at the end of the queue and its amount into its addressee's position. A fee, and what is about a
// file of which a log of earlier days does not say the mode, is told as the member's newest file was.
func (w *window) add(i Item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i.To.Mode == "" {
		i.To = addressee(i.To.Member, w.members[i.To.Member])
	}
	w.queue = append(w.queue, i)
	w.reference = max(w.reference, i.Reference)
	switch i.Kind {
	case ItemChargeback:
		w.position(i.To, i.Terms.Currency).Count(true, &i.Terms)
	case ItemFee:
		fee := i.Terms.Amount
		if i.Credit {
			fee = -fee
		}
		w.position(i.To, i.Terms.Currency).Fees += fee
	default: // a request moves no money
	}
}

// The modes of PDS0122.
const (
	modeProduction = "P"
	modeTest       = "T"
)

// addressee is a member with a mode; where that is not known, it is told as of tests.
func addressee(member, mode string) Addressee {
	if mode != modeProduction {
		mode = modeTest
	}
	return Addressee{member, mode}
}

// nextReference is the one that the next chargeback gets.
func (w *window) nextReference() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reference + 1
}

func (w *window) position(to Addressee, currency uint16) *Position {
	key := PositionKey{to, currency}
	p := w.positions[key]
	if p == nil {
		p = &Position{}
		w.positions[key] = p
	}
	return p
}

// taken ends a member's file.
func (w *window) taken(t *Taken) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.give(t.Answer)
	if t.Path != "" {
		w.seen[t.Path] = t.Seen
	}
	if t.File == "" {
		return
	}
	member := MemberOf(t.File)
	w.members[member] = t.Mode
	for currency, p := range t.Amounts {
		w.position(addressee(member, t.Mode), currency).Add(p)
	}
}

// give marks a file as made and its number as given.
func (w *window) give(id string) {
	if len(id) != fileIDLength {
		return
	}
	w.files[id] = true
	sequence := 0
	for _, digit := range []byte(id[memberEnd:]) {
		sequence = sequence*10 + int(digit-'0')
	}
	date := id[dateStart:memberStart]
	w.sequences[date] = max(w.sequences[date], sequence)
}

func (w *window) close(c *Closed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range c.Files {
		w.give(id)
	}
	if c.Clocked != 0 {
		w.clocked = c.Clocked
	}
	if len(c.Files) == 0 {
		return
	}
	w.cycles[c.Date]++
	w.queue = nil
	clear(w.positions)
}

// Sequence is the last that a file of a date, YYMMDD, was given; 0 for none.
func (b *Book) Sequence(date string) int {
	b.window.mu.Lock()
	defer b.window.mu.Unlock()
	return b.window.sequences[date]
}

// ClockedUpTo is up to when windows were ended by the clock, Unix seconds; 0 if none was ever begun.
func (b *Book) ClockedUpTo() int64 {
	b.window.mu.Lock()
	defer b.window.mu.Unlock()
	return b.window.clocked
}

// Made tells whether a file of the clearing system was made, by its id.
func (b *Book) Made(id string) bool {
	b.window.mu.Lock()
	defer b.window.mu.Unlock()
	return b.window.files[id]
}

// SeenAt is what was answered of a watched folder under a path, the zero Seen for nothing; false if there is no room to
// remember more of it.
func (b *Book) SeenAt(path string) (Seen, bool) {
	b.window.mu.Lock()
	defer b.window.mu.Unlock()
	seen := b.window.seen[path]
	return seen, seen != Seen{} || len(b.window.seen) < MaxClearingFiles
}

// Window is what the end of the window would tell.
type Window struct {
	Tells     []Addressee // those who are told of something, in their order
	Items     []Item      // in the order in which they came
	Positions map[PositionKey]Position
	Cycle     int // how many windows of the date were closed before
}

// Window returns what waits for the end of the window, of a date.
func (b *Book) Window(date string) Window {
	w := &b.window
	w.mu.Lock()
	defer w.mu.Unlock()
	v := Window{
		Items: slices.Clone(w.queue), Positions: map[PositionKey]Position{}, Cycle: w.cycles[date],
	}
	tells := map[Addressee]bool{}
	for key, p := range w.positions {
		v.Positions[key] = *p
		tells[key.Addressee] = true
	}
	for i := range w.queue {
		tells[w.queue[i].To] = true
	}
	v.Tells = slices.SortedFunc(maps.Keys(tells), func(a, b Addressee) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Mode, b.Mode))
	})
	return v
}

// CloseWindow logs that the window has been told of, and begins the next.
func (b *Book) CloseWindow(c *Closed) error {
	var position int64
	if b.log != nil {
		position = b.log.Closed(c)
	}
	if err := b.Commit(position); err != nil {
		return err
	}
	b.window.close(c)
	return nil
}

// FileEnds ends a file: it is taken, or refused, and logged as such.
func (b *Book) FileEnds(t *Taken) error {
	var position int64
	if b.log != nil {
		position = b.log.Taken(t)
	}
	if err := b.Commit(position); err != nil {
		return err
	}
	b.ends(t)
	return nil
}

func (b *Book) ends(t *Taken) {
	if t.File != "" {
		if number, _ := b.files.number(t.File); number != 0 {
			b.files.begin(number, t.Mode) // a log of earlier days says it only here
			b.files.take(number)
		}
	}
	b.window.taken(t)
}
