package reconcile

import (
	"context"
	"math"
	"time"

	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// Key is what one 0500 of a date is about.
type Key struct {
	Host     string `json:"host"`
	Acquirer string `json:"acquirer"` // DE32
	Currency string `json:"currency"` // ISO 4217 letters
}

// Counted is a message that the host was told under a date, as the totals of that date have it.
type Counted struct {
	Key
	Payment   string `json:"payment"`
	Operation int    `json:"operation"`
	Kind      string `json:"kind"`
	RRN       string `json:"rrn"`
	Number    int    `json:"number"` // of the capture or refund within its payment
	ARN       string `json:"arn,omitempty"`
	Credit    bool   `json:"credit,omitempty"` // it pays the cardholder
	// AmountMinor is what it moves. Reversed tells that it was taken back, so that nothing of it stands; Open that its end
	// is not known yet: its advice, or that of its reversal, waits for an answer.
	AmountMinor int64 `json:"amount_minor"`
	Reversed    bool  `json:"reversed,omitempty"`
	Open        bool  `json:"open,omitempty"`
}

// count adds a message to the totals.
func (x *Counted) count(t *message.Totals) {
	told, back := &t.Debits, &t.DebitReversals
	if x.Credit {
		told, back = &t.Credits, &t.CreditReversals
	}
	told.Number, told.AmountMinor = told.Number+1, told.AmountMinor+x.AmountMinor
	if x.Reversed {
		back.Number, back.AmountMinor = back.Number+1, back.AmountMinor+x.AmountMinor
	}
}

// end is what became of a message at the host.
type end uint8

const (
	endNothing  end = iota // nothing stands, and nothing was counted
	endStands              // it is counted
	endReversed            // it is counted, and so is its reversal
	endOpen                // it is not known
)

// tells tells whether operations of a kind are told a host as a debit or credit of a business date.
func tells(k payment.Kind) bool {
	row := k.Row()
	return row.Clears && (row.Request != "" || row.Advice != "")
}

// endOf is what became of operation i, of a kind that tells, as the journal has it: docs/iso8583.md has the rule in
// words.
func endOf(p *payment.Payment, i int) end {
	op := &p.Ops[i]
	e := endNothing
	switch {
	case op.State == payment.StatePending, op.State == payment.StateQueued:
		return endOpen
	case op.State == payment.StateApproved:
		e = endStands
	}
	for j := range p.Ops {
		undo := &p.Ops[j]
		if undo.Target != i || !undo.Kind.Row().Reverses {
			continue
		}
		switch {
		case undo.State == payment.StatePending, undo.State == payment.StateQueued:
			return endOpen
		case undo.State != payment.StateApproved || !payment.Meaning(undo.ResponseCode).Done:
			// It was refused, or there was nothing to take back.
		case e == endStands, approvedUnseen(op):
			e = endReversed
		}
	}
	return e
}

// approvedUnseen tells whether the host is taken to have approved a request whose answer did not come in time, or was
// not wanted, and whose reversal it has taken: unless a late answer says otherwise.
func approvedUnseen(op *payment.Op) bool {
	return op.State == payment.StateUnknown && (op.Late == "" || payment.Meaning(op.Late).Approves) ||
		payment.Meaning(op.ResponseCode).Approves
}

// each calls yield with what a payment's messages of a date told the hosts that are reconciled. seen is told of each
// key under which the payment told one anything, on whatever date.
func (e *Engine) each(p *payment.Payment, date payment.Date, seen func(Key), yield func(*Counted)) {
	for i := range p.Ops {
		op := &p.Ops[i]
		if e.hosts[op.Host] == nil {
			continue
		}
		key := Key{op.Host, e.o.Acquirer(p), p.Currency}
		seen(key)
		if !tells(op.Kind) || op.Date != date {
			continue
		}
		end := endOf(p, i)
		if end == endNothing {
			continue
		}
		c := Counted{
			Key: key, Payment: p.ID.String(), Operation: i, Kind: op.Kind.String(), RRN: op.RRN, Number: op.Number,
			ARN: op.ARN, Credit: op.Kind.Credits(), AmountMinor: op.Clears(), Reversed: end == endReversed,
			Open: end == endOpen,
		}
		if c.AmountMinor == 0 {
			c.AmountMinor = op.Amount // it was not granted to us
		}
		yield(&c)
	}
}

const (
	// lookBack is how long before a date the payments begin whose every message of the date is found: a month, as long as
	// captures may be made by default, and two days for zones. Of older ones what stands in the date's clearing is.
	lookBack = 33 * 24 * time.Hour
	// atOnce is how many payments are read before the reader rests: three times as long as that took, so that it takes a
	// quarter of a processor at the most.
	atOnce    = 1000
	restShare = 3
	nodes     = 36 // that payments may be of
)

// eachOf calls yield with every message that the hosts were told under a date, in no particular order.
func (e *Engine) eachOf(ctx context.Context, date payment.Date, seen func(Key), yield func(*Counted)) error {
	since := date.Time().Add(-lookBack)
	var first [nodes]payment.ID // the last payment of each node before since
	for node := range first {
		var err error
		if first[node], err = e.lastBefore(ctx, uint32(node), since); err != nil {
			return err
		}
	}
	older := func(id payment.ID) bool { return id.Counter() <= first[id.Node()%nodes].Counter() }
	var before payment.ID
	var ids []payment.ID
	err := e.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		if row.Payment != before && older(row.Payment) {
			ids = append(ids, row.Payment)
		}
		before = row.Payment
		return true
	})
	for _, id := range ids {
		var p *payment.Payment
		if err != nil {
			break
		}
		if p, err = e.o.Journal.Payment(ctx, id); err == nil {
			e.each(p, date, seen, yield)
		}
	}
	for node := range first {
		if err == nil {
			err = e.eachSince(ctx, first[node], func(p *payment.Payment) { e.each(p, date, seen, yield) })
		}
	}
	return err
}

// lastBefore is the id of a node behind which its payments begin that were made since a moment. Ids are given in the
// order of time, but for a moment's requests among themselves.
func (e *Engine) lastBefore(ctx context.Context, node uint32, since time.Time) (payment.ID, error) {
	low, high := uint64(0), uint64(math.MaxUint64)
	for high-low > 1 {
		middle := low + (high-low)/2
		if low == 0 {
			middle = 0 // a node that has none has none behind that
		}
		next, err := e.first(ctx, payment.NewID(node, middle))
		switch {
		case err != nil:
			return payment.ID{}, err
		case next != nil && next.Created.Before(since):
			low = next.ID.Counter()
		case low == 0:
			return payment.NewID(node, 0), nil
		default:
			high = middle
		}
	}
	return payment.NewID(node, low), nil
}

// first is the first payment of a node behind an id of its own, nil if there is none.
func (e *Engine) first(ctx context.Context, after payment.ID) (next *payment.Payment, err error) {
	err = e.o.Journal.Payments(ctx, after, func(p *payment.Payment) bool {
		if p.ID.Node() == after.Node() {
			next = p
		}
		return false
	})
	return next, err
}

// eachSince calls do with the payments of a node behind an id, and rests between.
func (e *Engine) eachSince(ctx context.Context, after payment.ID, do func(*payment.Payment)) error {
	for {
		begin, read := time.Now(), 0
		err := e.o.Journal.Payments(ctx, after, func(p *payment.Payment) bool {
			if p.ID.Node() != after.Node() {
				return false
			}
			do(p)
			read, after = read+1, p.ID
			return read < atOnce
		})
		if err != nil || read < atOnce {
			return err
		}
		rest := time.NewTimer(restShare * time.Since(begin))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return ctx.Err()
		}
	}
}

// figures are what the messages of a date came to, for a key.
type figures struct {
	totals message.Totals
	open   int // messages whose end is not known; totals are without them
}

// figuresOf adds up a date, for each key under which a host was told anything of late.
func (e *Engine) figuresOf(ctx context.Context, date payment.Date) (map[Key]*figures, error) {
	all := map[Key]*figures{}
	of := func(k Key) *figures {
		if all[k] == nil {
			all[k] = &figures{}
		}
		return all[k]
	}
	err := e.eachOf(ctx, date, func(k Key) { of(k) }, func(c *Counted) {
		f := of(c.Key)
		if c.Open {
			f.open++
			return
		}
		c.count(&f.totals)
	})
	return all, err
}
