package book

import (
	"errors"

	"switchyard/issuer-sim/message"
)

// What a log has is applied again to books that nobody else uses yet. id is what the log knows a card by from this
// record on; 0 where it stood there before.

// ReplayMessage applies a message that was applied before.
func (b *Book) ReplayMessage(r *message.Request, out *Outcome, at, id uint32) {
	s := b.shardOf(r.Card)
	b.sign(r, out)
	s.apply(r, out, at, s.find(r.Moment, &r.RRN, r.Card, at))
	s.name(r.Card, id)
}

// ReplayChange changes a card again.
func (b *Book) ReplayChange(number message.Digits, c Change, id uint32) {
	s := b.shardOf(number)
	s.change(number, c)
	s.name(number, id)
}

// ReplayFileBegins returns the number of a clearing file that was begun. A log of earlier days does not say its mode.
func (b *Book) ReplayFileBegins(name, mode string) (file uint32) {
	if file, _ = b.files.number(name); file != 0 && mode != "" {
		b.files.begin(file, mode)
	}
	return file
}

// ReplayPresentment settles a presentment again, also one that was accepted when less was refused.
func (b *Book) ReplayPresentment(p *Presentment, file, id uint32) {
	s := b.shardOf(p.Card)
	s.settle(p, file, true)
	s.name(p.Card, id)
}

// ReplayTaken ends a clearing file again.
func (b *Book) ReplayTaken(t *Taken) { b.ends(t) }

// ReplayChargeBack charges back again. What the books have forgotten since, by limits that are lower than they were, is
// charged back no more.
func (b *Book) ReplayChargeBack(c *ChargeBack, id uint32) error {
	s := b.shardOf(c.Card)
	item, err := s.chargeBack(c)
	s.name(c.Card, id)
	switch {
	case errors.Is(err, ErrUnpresented):
		return nil
	case err != nil:
		return err
	}
	b.window.add(item)
	return nil
}

// ReplayRetrieval asks for papers again. What the books have forgotten since is asked for no more.
func (b *Book) ReplayRetrieval(arn message.ARN, reason uint16) {
	if item, err := b.Lookup(arn); err == nil {
		item.Kind, item.Reason = ItemRetrieval, reason
		b.window.add(item)
	}
}

// ReplayFee collects a fee again.
func (b *Book) ReplayFee(f *Fee) { b.window.add(f.item()) }

// ReplayClosed ends a window again.
func (b *Book) ReplayClosed(c *Closed) { b.window.close(c) }

// name gives a card that is kept the id under which the log knows it.
func (s *shard) name(number message.Digits, id uint32) {
	if c := s.lookup(number); c != nil && c.id == 0 {
		c.id = id
	}
}
