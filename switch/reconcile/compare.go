package reconcile

import (
	"fmt"

	"switchyard/switch/payment"
)

// Posted is a debit or credit in an issuer's book.
type Posted struct {
	ARN         string
	Number      int    // of the capture or refund within its payment; 0: not told
	Date        string // business date, MMDD; "" where there is none
	AmountMinor int64
	Credit      bool // it pays the cardholder
	Reversed    bool // it was taken back
	FileAlone   bool // a clearing record has told of it, and no message: it stands in no total
}

// Difference is what two totals differ in.
type Difference string

// What there is.
const (
	OursOnly   Difference = "ours_only"
	TheirsOnly Difference = "theirs_only"
	Amount     Difference = "amount"
	Reversal   Difference = "reversal" // one has taken it back, and the other has not
)

// Finding is a message in which totals differ.
type Finding struct {
	Difference Difference `json:"difference"`
	// Late: it is a matter of time, as what is queued still is, or stands under another date. Else something is wrong.
	Late bool   `json:"late"`
	Why  string `json:"why"`

	Payment   string `json:"payment,omitempty"` // "": the journal has none of that date
	Operation int    `json:"operation"`
	Kind      string `json:"kind,omitempty"`
	RRN       string `json:"rrn"`
	Number    int    `json:"number"`
	ARN       string `json:"arn,omitempty"`
	Credit    bool   `json:"credit,omitempty"`
	// OursMinor and TheirsMinor are what stands of it in either's totals of the date.
	OursMinor   int64 `json:"ours_minor"`
	TheirsMinor int64 `json:"theirs_minor"`
}

// DifferenceMinor is what a finding adds to ours less theirs, net.
func (f *Finding) DifferenceMinor() int64 {
	if f.Credit {
		return f.TheirsMinor - f.OursMinor
	}
	return f.OursMinor - f.TheirsMinor
}

// Comparison finds the messages that make two totals of a date differ: those that the switch counted, and an issuer's
// book. It holds what it was given of the first. It is for one goroutine.
type Comparison struct {
	date string // MMDD
	ours map[string][]Counted
}

// NewComparison makes one of a business date.
func NewComparison(date payment.Date) *Comparison {
	return &Comparison{date: fmt.Sprintf("%04d", date%10000), ours: map[string][]Counted{}}
}

// Count takes a message that the switch counted. All of them come before the issuer's.
func (c *Comparison) Count(x *Counted) { c.ours[x.RRN] = append(c.ours[x.RRN], *x) }

// Book takes what stands under one RRN in the issuer's book and calls yield with what differs.
func (c *Comparison) Book(rrn string, postings []Posted, yield func(*Finding)) {
	for i := range postings {
		theirs := &postings[i]
		ours := c.take(rrn, theirs)
		if ours == nil {
			if left := c.standing(theirs); left != 0 {
				yield(&Finding{
					Difference: TheirsOnly, Why: "the journal has told the issuer no such message under this date", RRN: rrn,
					Number: theirs.Number, ARN: theirs.ARN, Credit: theirs.Credit, TheirsMinor: left,
				})
			}
			continue
		}
		if f := c.differs(ours, theirs); f != nil {
			yield(f)
		}
	}
}

// Rest calls yield with what the issuer's book does not have. What was taken back moves nothing, wherever it is.
func (c *Comparison) Rest(yield func(*Finding)) {
	for _, list := range c.ours {
		for i := range list {
			if left := list[i].standing(); left != 0 {
				f := list[i].finding(OursOnly, "the issuer has nothing of it")
				f.OursMinor = left
				yield(f)
			}
		}
	}
}

// take finds the message that a posting is of, and takes it away: by its acquirer reference; where one of them has none
// by its number; and where one has neither, by its amount.
func (c *Comparison) take(rrn string, p *Posted) *Counted {
	list := c.ours[rrn]
	for _, fits := range [...]func(*Counted) bool{
		func(o *Counted) bool { return o.ARN != "" && o.ARN == p.ARN },
		func(o *Counted) bool { return (o.ARN == "" || p.ARN == "") && o.Number != 0 && o.Number == p.Number },
		func(o *Counted) bool {
			return (o.ARN == "" || p.ARN == "") && (o.Number == 0 || p.Number == 0) && o.AmountMinor == p.AmountMinor
		},
	} {
		for i := range list {
			if o := list[i]; o.Credit == p.Credit && fits(&o) {
				c.ours[rrn] = append(list[:i:i], list[i+1:]...)
				return &o
			}
		}
	}
	return nil
}

// standing is what of a posting stands in the issuer's totals of the date.
func (c *Comparison) standing(p *Posted) int64 {
	if p.Reversed || p.FileAlone || p.Date != c.date {
		return 0
	}
	return p.AmountMinor
}

// standing is what of a message stands in the switch's totals.
func (x *Counted) standing() int64 {
	if x.Open || x.Reversed {
		return 0
	}
	return x.AmountMinor
}

func (x *Counted) finding(what Difference, why string) *Finding {
	return &Finding{
		Difference: what, Why: why, Payment: x.Payment, Operation: x.Operation, Kind: x.Kind, RRN: x.RRN, Number: x.Number,
		ARN: x.ARN, Credit: x.Credit,
	}
}

// differs says what a message and its posting differ in, nil where as much stands of both.
func (c *Comparison) differs(ours *Counted, theirs *Posted) (f *Finding) {
	left, right := ours.standing(), c.standing(theirs)
	if left == right {
		return nil
	}
	switch {
	case ours.Open:
		f = ours.finding(TheirsOnly, "the issuer has it, and its answer, or that to its reversal, is waited for still")
		f.Late = true
	case theirs.FileAlone:
		f = ours.finding(OursOnly, "the issuer has it of a clearing file, and of no message")
	case theirs.Date != c.date:
		f = ours.finding(OursOnly, "the issuer has it under "+orNone(theirs.Date))
		f.Late = true
	case ours.Reversed:
		f = ours.finding(Reversal, "the issuer has said that it was taken back, and has it")
	case theirs.Reversed:
		f = ours.finding(Reversal, "the issuer has it taken back, and the journal has not")
	default:
		f = ours.finding(Amount, "the amounts differ")
	}
	f.OursMinor, f.TheirsMinor = left, right
	return f
}

func orNone(date string) string {
	if date == "" {
		return "no date"
	}
	return "another date, " + date
}
