package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Status is where a reconciliation stands. The words stand in the journal.
type Status string

// What there is.
const (
	Unanswered   Status = "unanswered"     // it is asked, again and again
	InBalance    Status = "in_balance"     // the host's figures are ours
	OutOfBalance Status = "out_of_balance" // they are not
	Refused      Status = "refused"        // the host does not reconcile it: DE39 says why
)

// Result is what came of one 0500: of a date, host, acquirer and currency.
type Result struct {
	Key
	Status Status          `json:"status"`
	Ours   message.Totals  `json:"ours"`
	Theirs *message.Totals `json:"theirs,omitempty"` // where the host told them
	// Open is how many of our messages of the date had no end yet when it was asked. They stand in no totals of ours.
	Open       int       `json:"open,omitempty"`
	Code       string    `json:"response_code,omitempty"` // DE39
	Balance    string    `json:"balance,omitempty"`       // DE66
	AskedAt    time.Time `json:"asked_at,omitzero"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
}

// ended tells whether a result is the last: an answer to what can change no more.
func (r *Result) ended() bool {
	switch r.Status {
	case InBalance, Refused:
		return true
	case OutOfBalance:
		return r.Open == 0
	case Unanswered:
	}
	return false
}

// HostDate is a host's reconciliation of a business date.
type HostDate struct {
	Host string `json:"host"`
	// Ended: it is not asked again by itself.
	Ended   bool     `json:"ended"`
	Results []Result `json:"results"` // by acquirer and currency; none: the host was told nothing of late
}

// Day is the reconciliation of a business date.
type Day struct {
	Date  string     `json:"date"`
	Hosts []HostDate `json:"hosts"`
}

// host is a host's part of a day, nil if it has none.
func (d *Day) host(name string) *HostDate {
	for i := range d.Hosts {
		if d.Hosts[i].Host == name {
			return &d.Hosts[i]
		}
	}
	return nil
}

// put replaces a host's part of a day.
func (d *Day) put(h HostDate) {
	if was := d.host(h.Host); was != nil {
		*was = h
		return
	}
	d.Hosts = append(d.Hosts, h)
}

// Names of what the journal keeps.
const (
	metaDay   = "reconcile/day/"   // and the date: a Day as JSON
	metaSince = "reconcile/since/" // and the host: the first date that is reconciled with it, as text
)

// day reads what is kept of a date.
func (e *Engine) day(ctx context.Context, date payment.Date) (Day, error) {
	d := Day{Date: date.String(), Hosts: []HostDate{}}
	text, err := e.o.Journal.Meta(ctx, metaDay+d.Date)
	if errors.Is(err, journal.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("record of the reconciliation of %s: %w", date, err)
	}
	return d, nil
}

// keep stores a host's part of a date.
func (e *Engine) keep(ctx context.Context, date payment.Date, h HostDate) error {
	d, err := e.day(ctx, date)
	if err != nil {
		return err
	}
	d.put(h)
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return e.o.Journal.PutMeta(ctx, metaDay+d.Date, text)
}

// since is the first date that is reconciled with a host, one past all dates where it was never asked.
func (e *Engine) since(ctx context.Context, host string) (payment.Date, error) {
	text, err := e.o.Journal.Meta(ctx, metaSince+host)
	if errors.Is(err, journal.ErrNotFound) {
		return math.MaxInt32, nil
	}
	if err != nil {
		return 0, err
	}
	return payment.ParseDate(string(text))
}

// begin writes down since when hosts are reconciled: from the date on that is open when one is first configured so.
func (e *Engine) begin(ctx context.Context) error {
	for name := range e.hosts {
		if date, err := e.since(ctx, name); err != nil || date != math.MaxInt32 {
			if err != nil {
				return err
			}
			continue
		}
		if err := e.o.Journal.PutMeta(ctx, metaSince+name, []byte(e.o.Journal.OpenDay().String())); err != nil {
			return err
		}
	}
	return nil
}
