package audit

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Options are what an audit goes by.
type Options struct {
	// Acquirer is the acquirer id (DE32) whose lines of the issuer's book are compared. Default "": all lines.
	Acquirer string
	// Node is the number of the switch, 0 to 35, where several share an acquirer id: the lines of the issuer's book
	// are compared whose RRN has it. Default nil: all lines.
	Node *uint32
	// Limit is how many differences, and items of each list apart, a report holds; all are counted. Default 1000.
	Limit int
	// From and To are business dates (YYYY-MM-DD, both included). Where they are set the books hold the payments that
	// clear on these dates, and the audit says nothing of any other: see [Sources.Switch].
	From, To string
	// First and Last are payment ids (both included). Where they are set the books hold the payments of the range, and the
	// audit says nothing of any other, nor of the clearing files.
	First, Last string

	// How long what has no outcome may stay so, by [Sources.Now]. Default DefaultIntentAge and its like; below 0: for
	// good.
	IntentAge time.Duration // a request at the issuer
	AdviceAge time.Duration // an advice in the queue
	VoidAge   time.Duration // a void, as a request or as an advice
	DateAge   time.Duration // a business date without files, after its end
	WindowAge time.Duration // what is left past its capture window, or past the time of its capture by the switch
}

// The defaults of Options. A request has an outcome within its route's deadline, 10 s by default, or is recovered at
// the next start. An advice waits for its issuer, and a void keeps its date from being sealed. The end of a window
// waits while the queue of its host is half full.
const (
	defaultLimit     = 1000
	DefaultIntentAge = 5 * time.Minute
	DefaultAdviceAge = time.Hour
	DefaultVoidAge   = 15 * time.Minute
	DefaultDateAge   = 24 * time.Hour
	DefaultWindowAge = 6 * time.Hour
)

// complete fills in the defaults and refuses a range that is none.
func (o *Options) complete() error {
	if o.Limit <= 0 {
		o.Limit = defaultLimit
	}
	for _, age := range []struct {
		of *time.Duration
		by time.Duration
	}{{&o.IntentAge, DefaultIntentAge}, {&o.AdviceAge, DefaultAdviceAge}, {&o.VoidAge, DefaultVoidAge}, {&o.DateAge,
		DefaultDateAge}, {&o.WindowAge, DefaultWindowAge}} {
		if *age.of == 0 {
			*age.of = age.by
		}
	}
	if o.Node != nil && *o.Node >= rrnBase {
		return fmt.Errorf("node %d: expected 0 to %d", *o.Node, rrnBase-1)
	}
	if o.byPayment() {
		return o.checkPayments()
	}
	if !o.ranged() {
		return nil
	}
	for _, date := range []string{o.From, o.To} {
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			return fmt.Errorf("range of business dates: %q is no date: expected YYYY-MM-DD for both its ends", date)
		}
	}
	if o.From > o.To {
		return fmt.Errorf("range of business dates: %s is after %s", o.From, o.To)
	}
	return nil
}

// checkPayments refuses a range of payments that is none.
func (o *Options) checkPayments() error {
	if o.From != "" || o.To != "" {
		return errors.New("range of payments: expected without one of business dates")
	}
	first, err := parsePaymentID(o.First)
	last, err2 := parsePaymentID(o.Last)
	if err := cmp.Or(err, err2); err != nil {
		return fmt.Errorf("range of payments: %w, for both its ends", err)
	}
	if first > last {
		return fmt.Errorf("range of payments: %s is after %s", o.First, o.Last)
	}
	return nil
}

// byPayment tells whether only some payments are audited, by their ids.
func (o *Options) byPayment() bool { return o.First != "" || o.Last != "" }

// ranged tells whether only some business dates are audited, or some payments.
func (o *Options) ranged() bool { return o.From != "" || o.To != "" || o.byPayment() }

// covers tells whether a business date is audited.
func (o *Options) covers(date string) bool {
	return !o.ranged() || !o.byPayment() && o.From <= date && date <= o.To
}

// rrnBase is that of the digits of an RRN (DE37): YDDD of the request, the number of the switch, its own number.
const rrnBase = 36

// ofNode tells whether an RRN is the audited switch's.
func (o *Options) ofNode(name string) bool {
	const at = 4
	if o.Node == nil {
		return true
	}
	return len(name) > at && strings.EqualFold(name[at:at+1], strconv.FormatUint(uint64(*o.Node), rrnBase))
}
