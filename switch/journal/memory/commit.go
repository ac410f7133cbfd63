package memory

import (
	"bytes"
	"context"
	"slices"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
	"switchyard/switch/payment"
)

// Commit implements journal.Journal.
func (j *Journal) Commit(ctx context.Context, t *journal.Transition) error {
	if err := t.Check(); err != nil {
		return err
	}
	p := t.Payment
	encoded, err := record.AppendPayment(nil, p)
	if err != nil {
		return err
	}
	if err := j.money.Check(t); err != nil {
		return err
	}
	return j.with(ctx, func(s *Store) error {
		if err := s.free(t.Keys); err != nil {
			return err
		}
		if s.payments[p.ID].version != p.Version-1 {
			return journal.ErrVersion
		}
		if err := s.checkDays(t); err != nil {
			return err
		}
		j.commit(s)
		s.payments[p.ID] = stored{p.Version, encoded}
		s.claim(p.ID, t.Keys, j.clock.Latest())
		s.move(t)
		return nil
	})
}

// CommitAll implements journal.Journal.
func (j *Journal) CommitAll(ctx context.Context, ts []*journal.Transition, errs []error) {
	for i, t := range ts {
		errs[i] = j.Commit(ctx, t)
	}
}

// commit counts and dates one.
func (j *Journal) commit(s *Store) {
	s.commits++
	s.seen = j.clock.Seen()
	s.last = s.seen.At
}

// free refuses claims of which one is taken.
func (s *Store) free(claims []journal.KeyClaim) error {
	for _, c := range claims {
		if holds, taken := s.keys[keyName{c.Merchant, c.Key}]; taken {
			return &journal.KeyTakenError{Claim: c, Holds: holds}
		}
	}
	return nil
}

func (s *Store) claim(id payment.ID, claims []journal.KeyClaim, at time.Time) {
	for _, c := range claims {
		name := keyName{c.Merchant, c.Key}
		s.keys[name] = journal.KeyEntry{Payment: id, Op: c.Op, MAC: c.MAC, Claimed: at.UTC()}
		s.claimed = append(s.claimed, name)
	}
}

func (s *Store) unsealed(date payment.Date) bool {
	state := s.days[date].State
	return state == journal.DayOpen || state == journal.DayClosing
}

func (s *Store) checkDays(t *journal.Transition) error {
	ok := (t.Day == 0 || t.Day == s.open) && (t.Unsealed == 0 || s.unsealed(t.Unsealed))
	for i := range t.Present {
		ok = ok && s.unsealed(t.Present[i].Date)
	}
	for i := range t.Withdraw {
		ok = ok && s.unsealed(t.Withdraw[i].Date)
	}
	if !ok {
		return journal.ErrDayClosed
	}
	return nil
}

// move does what a transition does besides its payment and its keys.
func (s *Store) move(t *journal.Transition) {
	id := t.Payment.ID
	for _, op := range t.Opens {
		s.intents = append(s.intents, journal.IntentRef{Payment: id, Op: op})
	}
	for _, op := range t.Closes {
		closed := journal.IntentRef{Payment: id, Op: op}
		s.intents = slices.DeleteFunc(s.intents, func(r journal.IntentRef) bool { return r == closed })
	}
	for i := range t.Queue {
		t.Queue[i].Seq = s.commits*journal.MaxQueued + uint64(i)
		row := t.Queue[i]
		s.queues[row.Host] = append(s.queues[row.Host], row)
	}
	for _, ref := range t.Dequeue {
		left := slices.DeleteFunc(s.queues[ref.Host], func(r journal.SAFRow) bool { return r.SAFRef == ref })
		if s.queues[ref.Host] = left; len(left) == 0 {
			delete(s.queues, ref.Host)
		}
	}
	for i := range t.Present {
		s.present[t.Present[i].PresentmentRef] = bytes.Clone(t.Present[i].Data)
	}
	for _, ref := range t.Withdraw {
		delete(s.present, ref)
	}
	for _, at := range t.Timers {
		s.timers[journal.Timer{At: at.UTC(), Payment: id}] = false
	}
	for _, at := range t.Fired {
		delete(s.timers, journal.Timer{At: at.UTC(), Payment: id})
	}
	for i := range t.Events {
		e := &t.Events[i]
		e.Position, e.Payment = journal.EventPosition(s.commits, i), id
		s.events = append(s.events, journal.Event{
			Position: e.Position, Payment: id, Kind: e.Kind, Data: bytes.Clone(e.Data),
		})
	}
}
