package journal

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"switchyard/switch/payment"
)

// What every engine keeps, and no more.
const (
	MaxName   = 255     // bytes of a name that stands in a key
	MaxText   = 1 << 12 // bytes of one text field
	MaxData   = 1 << 24 // bytes of one opaque field: a day's files, a presentment, a value
	MaxClaims = 16      // idempotency keys of one transition
	MaxQueued = 256     // store-and-forward rows of one transition
	MaxSweep  = 10_000  // idempotency keys of one SweepKeys, events of one SweepEvents

	MaxTimers = 1000 // of one SetTimers
	maxTimers = 16   // of one transition

	MaxEvents    = 16      // events of one transition
	MaxEventData = 1 << 10 // bytes of one event
	MaxDetails   = 1 << 14 // bytes of an act's details

	// maxSeconds bounds what nanoseconds in 64 bits can tell, about 292 years either side of 1970.
	maxSeconds = math.MaxInt64/int64(time.Second) - 1
)

// Check refuses a transition that no state of a journal could take. What its payment's record cannot give back is
// refused by package record.
func (t *Transition) Check() error {
	p := t.Payment
	if p == nil || p.ID.IsZero() || p.Version == 0 {
		return errors.New("journal: a transition needs a payment with an id and a version")
	}
	if len(t.Keys) > MaxClaims || len(t.Queue) > MaxQueued || len(t.Opens) > payment.MaxOps ||
		len(t.Closes) > payment.MaxOps {
		return fmt.Errorf("journal: payment %s: more than %d keys, %d store-and-forward rows or %d operations in a "+
			"transition", p.ID, MaxClaims, MaxQueued, payment.MaxOps)
	}
	for _, list := range [2][]int{t.Opens, t.Closes} {
		for _, op := range list {
			if op < 0 || op >= len(p.Ops) {
				return fmt.Errorf("journal: payment %s: opens or closes operation %d of %d", p.ID, op, len(p.Ops))
			}
		}
	}
	for i := range t.Keys {
		if err := t.Keys[i].Check(); err != nil {
			return err
		}
	}
	if p.Reference != "" {
		if err := errors.Join(CheckName("reference", p.Reference), CheckName("merchant", p.Merchant)); err != nil {
			return err
		}
	}
	for i := range t.Queue {
		if err := t.Queue[i].check(); err != nil {
			return err
		}
	}
	for i := range t.Dequeue {
		if err := t.Dequeue[i].check(); err != nil {
			return err
		}
	}
	for i := range t.Present {
		if err := t.Present[i].Check(); err != nil {
			return err
		}
	}
	if len(t.Events) > MaxEvents {
		return fmt.Errorf("journal: payment %s: %d events in a transition, expected at most %d", p.ID, len(t.Events),
			MaxEvents)
	}
	for i := range t.Events {
		if err := t.Events[i].check(); err != nil {
			return err
		}
	}
	for i := range t.Withdraw {
		if err := t.Withdraw[i].check(); err != nil {
			return err
		}
	}
	return t.checkTimers()
}

func (t *Transition) checkTimers() error {
	if len(t.Timers)+len(t.Fired) > maxTimers {
		return fmt.Errorf("journal: payment %s: %d timers in a transition, expected at most %d", t.Payment.ID,
			len(t.Timers)+len(t.Fired), maxTimers)
	}
	for _, list := range [2][]time.Time{t.Timers, t.Fired} {
		for _, at := range list {
			if err := checkTimer(at); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkTimer(at time.Time) error {
	if at.IsZero() || !Storable(at) {
		return errors.New("journal: a timer's time is missing or out of range")
	}
	return nil
}

// CheckTimers refuses what SetTimers does not take.
func CheckTimers(set, fired []Timer) error {
	if len(set)+len(fired) > MaxTimers {
		return fmt.Errorf("journal: %d timers at once, expected at most %d", len(set)+len(fired), MaxTimers)
	}
	for _, list := range [2][]Timer{set, fired} {
		for i := range list {
			if list[i].Payment.IsZero() {
				return errors.New("journal: a timer of no payment")
			}
			if err := checkTimer(list[i].At); err != nil {
				return err
			}
		}
	}
	return nil
}

// Check refuses a claim whose names cannot stand in a key.
func (k *KeyClaim) Check() error {
	if err := CheckName("merchant", k.Merchant); err != nil {
		return err
	}
	if err := CheckName("idempotency key", k.Key); err != nil {
		return err
	}
	if k.Op < 0 || k.Op > payment.MaxOps {
		return fmt.Errorf("journal: an idempotency key names operation %d", k.Op)
	}
	return nil
}

// Check refuses a presentment that cannot be kept.
func (p *Presentment) Check() error {
	if len(p.Data) > MaxData {
		return fmt.Errorf("journal: a presentment of %d bytes, expected at most %d", len(p.Data), MaxData)
	}
	return p.check()
}

func (ref *PresentmentRef) check() error {
	if ref.Date <= 0 || ref.Op < 0 || ref.Op > payment.MaxOps {
		return fmt.Errorf("journal: presentment of payment %s: date or operation is out of range", ref.Payment)
	}
	return CheckName("destination of a presentment", ref.Destination)
}

func (ref *SAFRef) check() error { return CheckName("host of a store-and-forward row", ref.Host) }

func (r *SAFRow) check() error {
	if err := r.SAFRef.check(); err != nil {
		return err
	}
	if r.Op < 0 || r.Op > payment.MaxOps || len(r.Reason) > MaxText || !Storable(r.Queued) {
		return fmt.Errorf("journal: store-and-forward row of payment %s: operation, reason or queued is out of range",
			r.Payment)
	}
	return nil
}

// errName is returned for a name that cannot stand in a key.
var errName = errors.New("expected 1 to 255 bytes, none of them zero")

// CheckName refuses a text that cannot be part of a key: keys end their texts with a zero byte.
func CheckName(what, s string) error {
	if len(s) == 0 || len(s) > MaxName || strings.IndexByte(s, 0) >= 0 {
		return fmt.Errorf("journal: %s: %w", what, errName)
	}
	return nil
}

// CheckReserve refuses a reservation that no counter could give.
func CheckReserve(counter string, n uint64) error {
	if err := CheckName("counter", counter); err != nil {
		return err
	}
	if n == 0 {
		return errors.New("journal: Reserve of no numbers")
	}
	return nil
}

// UsedUp is the error of Reserve where a counter would pass 2^64-1.
func UsedUp(counter string) error { return fmt.Errorf("journal: counter %s is used up", counter) }

// CheckMeta refuses a named value that cannot be kept.
func CheckMeta(name string, value []byte) error {
	if err := CheckName("name of a value", name); err != nil {
		return err
	}
	if len(value) > MaxData {
		return fmt.Errorf("journal: value %s of %d bytes, expected at most %d", name, len(value), MaxData)
	}
	return nil
}

// CheckCutover refuses what is no cutover on any day.
func CheckCutover(from, next payment.Date) error {
	if next == from || next <= 0 {
		return fmt.Errorf("journal: cutover from %q to %q: expected another business date", from, next)
	}
	return nil
}

// Check refuses a business date's record that cannot be kept.
func (d *Day) Check() error {
	if len(d.Data) > MaxData {
		return fmt.Errorf("journal: business date %s: data of %d bytes, expected at most %d", d.Date, len(d.Data), MaxData)
	}
	return nil
}

// Follows tells whether SetDay may move a date to a state: closing to sealed, sealed to written, or back to closing
// where its files are never made. The data of one that is not written yet may be replaced.
func (s DayState) Follows(before DayState) bool {
	switch before {
	case DayOpen:
		return s == DayOpen
	case DayClosing:
		return s == DayClosing || s == DaySealed
	case DaySealed:
		return s == DayClosing || s == DaySealed || s == DayWritten
	case DayWritten:
	}
	return false
}

// CheckSweep refuses a limit that SweepKeys does not take.
func CheckSweep(limit int) error {
	if limit < 1 || limit > MaxSweep {
		return fmt.Errorf("journal: SweepKeys of %d keys, expected 1 to %d", limit, MaxSweep)
	}
	return nil
}

// Storable tells whether a time fits a record.
func Storable(t time.Time) bool {
	s := t.Unix()
	return t.IsZero() || (-maxSeconds <= s && s <= maxSeconds)
}
