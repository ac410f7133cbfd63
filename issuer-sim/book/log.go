package book

import (
	"switchyard/issuer-sim/message"
)

// Log keeps what is applied. What is appended has a position; it is kept once that is committed. A card is named
// by its id in the log: a new one is put where id points, which is nil for a card that is not kept. Appending is done
// with the lock of the card's shard, so that a card's records stand in the order in which they were applied.
type Log interface {
	Message(r *message.Request, out *Outcome, at uint32, id *uint32) (position int64)
	Change(number message.Digits, c Change, id *uint32) (position int64)
	Presentment(p *Presentment, id *uint32) (position int64)
	FileBegins(name, mode string) (position int64)
	Taken(t *Taken) (position int64)
	ChargeBack(c *ChargeBack, id *uint32) (position int64)
	Retrieval(arn message.ARN, reason uint16) (position int64)
	Fee(f *Fee) (position int64)
	Closed(c *Closed) (position int64)

	// Position is behind all that was appended.
	Position() int64
	// Commit returns when the records up to a position are written, and synced if that was asked for.
	Commit(position int64) error
	// Behind tells whether more than n bytes before a position are not written.
	Behind(position, n int64) bool
	// Close commits and syncs what is left.
	Close() error
}

// LogTo has everything appended to a log from now on.
func (b *Book) LogTo(l Log) { b.log = l }

// logID is where a card's id in the log stands; nil for one that is not kept.
func (s *shard) logID(number message.Digits) *uint32 {
	if c := s.lookup(number); c != nil {
		return &c.id
	}
	return nil
}

// end is behind all that was logged: a repeat is answered when what it repeats is written.
func (b *Book) end() int64 {
	if b.log == nil {
		return 0
	}
	return b.log.Position()
}

// Commit returns when what was logged up to a position is written, and synced if that was asked for.
func (b *Book) Commit(position int64) error {
	if b.log == nil || position == 0 {
		return nil
	}
	return b.log.Commit(position)
}

// Flush returns when all that was logged is written, and synced if that was asked for.
func (b *Book) Flush() error { return b.Commit(b.end()) }

// maxUnwritten is how many bytes of the log a clearing file may gather before they are written.
const maxUnwritten = 1 << 20

// throttle writes the log if much of it is only in memory.
func (b *Book) throttle(position int64) error {
	if b.log == nil || position == 0 || !b.log.Behind(position, maxUnwritten) {
		return nil
	}
	return b.Commit(position)
}

// CloseLog writes and syncs what is left.
func (b *Book) CloseLog() error {
	if b.log == nil {
		return nil
	}
	return b.log.Close()
}
