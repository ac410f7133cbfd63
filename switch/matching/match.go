package matching

import "switchyard/internal/workday"

// A Relation is what is held against what: ours against theirs.
type Relation string

// The relations.
const (
	// Presented holds presentments of the journal against records of the files that went out.
	Presented Relation = "presented"
	// Rejected holds records of files out against the message exceptions and file rejects (1644/691, 699) that came back.
	Rejected Relation = "rejected"
	// ChargedBack holds the chargebacks of the journal against the 1442s that came back.
	ChargedBack Relation = "charged_back"
	// Settled holds what was presented in a file in a currency, and not rejected, against its 1644/685s.
	Settled Relation = "settled"
	// Netted holds the 685s of a window in a currency, with chargebacks and fees, against its 1644/688.
	Netted Relation = "netted"
	// Paid holds a 688 against the bank's advice.
	Paid Relation = "paid"
	// Read tells of files and records that could not be read.
	Read Relation = "read"
)

// A Class is what came of holding two sides against each other.
type Class string

// The classes.
const (
	Matched    Class = "matched"
	Mismatched Class = "mismatched" // both are there and differ
	LocalOnly  Class = "local_only" // theirs is not there
	FileOnly   Class = "file_only"  // ours is not there
	// ManuallyMatched is what somebody has matched by hand.
	ManuallyMatched Class = "manually_matched"
)

// A Cause says whether a person has to see to an exception.
type Cause string

// The causes.
const (
	Late  Cause = "late"  // a matter of time
	Wrong Cause = "wrong" // it is not
)

// A Match is two sides that belong together, or one that is alone.
type Match struct {
	ID       string   `json:"id"` // the relation and the name of its first item: the same in each run
	Relation Relation `json:"relation"`
	Class    Class    `json:"class"`
	Cause    Cause    `json:"cause,omitempty"` // of an exception
	Currency string   `json:"currency,omitempty"`
	By       []string `json:"by,omitempty"` // what the sides have in common, by which they were found
	Ours     Side     `json:"ours"`
	Theirs   Side     `json:"theirs"`
	Reasons  []Reason `json:"reasons,omitempty"` // of an exception: why it is one
	Notes    []Note   `json:"notes,omitempty"`   // what people have said of it
	Manual   *Manual  `json:"manual,omitempty"`  // of one by hand
}

// A Side is one or many items.
type Side struct {
	Count    int    `json:"count"`
	NetMinor int64  `json:"net_minor"` // cardholders' debits less credits
	Items    []Item `json:"items,omitempty"`
}

// maxItems is how many items of a side are told; all are counted.
const maxItems = 20

// An Item is a presentment of the journal, a record of a file, or what stands for many.
type Item struct {
	// Ref names it: payment and operation (P10000000001-1), file and message number (PDS0105/00000002), a file and a
	// currency, or a row of an advice.
	Ref      string `json:"ref"`
	ARN      string `json:"acquirer_reference,omitempty"`
	RRN      string `json:"rrn,omitempty"`
	Card     string `json:"card,omitempty"` // first six and last four
	NetMinor int64  `json:"net_minor"`
	Currency string `json:"currency,omitempty"`
}

// A Reason is a field that differs, or in words what is not as it should be.
type Reason struct {
	Field  string `json:"field,omitempty"`
	Ours   string `json:"ours,omitempty"`
	Theirs string `json:"theirs,omitempty"`
	Why    string `json:"why,omitempty"`
}

// A Line counts the matches of a relation, class, cause and currency.
type Line struct {
	Relation Relation `json:"relation"`
	Class    Class    `json:"class"`
	Cause    Cause    `json:"cause,omitempty"`
	Currency string   `json:"currency"`
	Ours     Sum      `json:"ours"`
	Theirs   Sum      `json:"theirs"`
}

// A Sum counts items and adds them up.
type Sum struct {
	Count    int   `json:"count"`
	NetMinor int64 `json:"net_minor"` // cardholders' debits less credits
}

// A Report is what came of a business date.
type Report struct {
	Date       workday.Date `json:"business_date"`
	AsOf       workday.Date `json:"as_of"` // the day by which it is told what is late
	LateDays   int          `json:"late_days"`
	Out        []string     `json:"files_out"` // ids
	In         []string     `json:"files_in"`
	Lines      []Line       `json:"lines"`
	Wrong      int          `json:"wrong"`
	Late       int          `json:"late"`
	Exceptions []Match      `json:"exceptions"` // the first of them
	ByHand     []Match      `json:"by_hand"`    // the first that are matched by hand
}

// add names a match, and tells it, unless it is one by hand.
func (m *matcher) add(x *Match) error {
	first := x.Ours.Items
	if len(first) == 0 {
		first = x.Theirs.Items
	}
	if len(first) > 0 {
		x.ID = string(x.Relation) + "/" + first[0].Ref
	}
	if x.Class != Matched && m.hold(x) {
		return nil
	}
	return m.tell(x)
}

// tell counts a match, and keeps it where it is an exception or by hand.
func (m *matcher) tell(x *Match) error {
	x.Notes = append(x.Notes, m.notes[x.ID]...)
	m.count(x.Relation, x.Class, x.Cause, x.Currency, Sum{x.Ours.Count, x.Ours.NetMinor},
		Sum{x.Theirs.Count, x.Theirs.NetMinor})
	switch x.Cause {
	case Late:
		m.report.Late++
	case Wrong:
		m.report.Wrong++
	}
	switch {
	case x.Class == ManuallyMatched && len(m.report.ByHand) < m.o.Limit:
		m.report.ByHand = append(m.report.ByHand, *x)
	case x.Cause != "" && len(m.report.Exceptions) < m.o.Limit:
		m.report.Exceptions = append(m.report.Exceptions, *x)
	}
	if m.o.Each != nil {
		return m.o.Each(x)
	}
	return nil
}

// lineKey names a line.
type lineKey struct {
	relation Relation
	class    Class
	cause    Cause
	currency string
}

func (m *matcher) count(relation Relation, class Class, cause Cause, currency string, ours, theirs Sum) {
	key := lineKey{relation, class, cause, currency}
	line := m.lines[key]
	if line == nil {
		line = &Line{Relation: relation, Class: class, Cause: cause, Currency: currency}
		m.lines[key] = line
	}
	m.addSum(&line.Ours, ours)
	m.addSum(&line.Theirs, theirs)
}

func (m *matcher) addSum(to *Sum, of Sum) {
	to.Count += of.Count
	m.sum(&to.NetMinor, of.NetMinor)
}

// sum adds up, and remembers where a sum did not fit.
func (m *matcher) sum(to *int64, n int64) {
	sum := *to + n
	if n > 0 && sum < *to || n < 0 && sum > *to {
		m.tooMuch = true
	}
	*to = sum
}

// put adds an item to a side.
func (m *matcher) put(to *Side, item Item) {
	to.Count++
	m.sum(&to.NetMinor, item.NetMinor)
	if len(to.Items) < maxItems {
		to.Items = append(to.Items, item)
	}
}
