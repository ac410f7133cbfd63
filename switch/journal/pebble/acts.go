package pebble

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"switchyard/switch/journal"
	"switchyard/switch/journal/record"
)

// lastAct is the newest act: what the next one follows. It is zero where there is none.
type lastAct struct {
	number uint64
	hash   [sha256.Size]byte
}

func (l *lastAct) append(b []byte) []byte {
	return append(record.AppendNumber(b, l.number), l.hash[:]...)
}

func readLastAct(from pebble.Reader) (l lastAct, err error) {
	err = with(from, keyActs, func(value []byte) error {
		const numberLen = 8
		if len(value) != numberLen+len(l.hash) {
			return &record.FormatError{Record: "newest act", Field: "value", Offset: 0, Want: "40 bytes"}
		}
		copy(l.hash[:], value[numberLen:])
		l.number, err = record.DecodeNumber("newest act", value[:numberLen])
		return err
	})
	if errors.Is(err, journal.ErrNotFound) {
		err = nil
	}
	return l, err
}

// Append implements journal.Journal.
func (j *Journal) Append(ctx context.Context, a journal.Act) (journal.Act, error) {
	if err := a.Check(); err != nil {
		return journal.Act{}, err
	}
	a.At = a.At.UTC()
	err := j.control(ctx, func(_ *committer, b *pebble.Batch) error {
		last, err := readLastAct(j.db)
		if err != nil {
			return err
		}
		a.Number, a.Before = last.number+1, last.hash
		last = lastAct{a.Number, a.Hash()}
		return errors.Join(b.Set(appendNumberKey(nil, prefixAct, a.Number), record.AppendAct(nil, &a), nil),
			b.Set(keyActs, last.append(nil), nil))
	}, nil)
	if err != nil {
		return journal.Act{}, err
	}
	return a, nil
}

// Acts implements journal.Journal.
func (j *Journal) Acts(ctx context.Context, from uint64, yield func(journal.Act) bool) error {
	return j.scan(appendNumberKey(nil, prefixAct, from), []byte{prefixAct + 1}, func(it *pebble.Iterator) error {
		return each(ctx, it, it.First(), func() (bool, error) {
			number, err := parseNumberKey(it.Key())
			if err != nil {
				return false, err
			}
			a, err := record.DecodeAct(number, it.Value())
			return err == nil && yield(a), err
		})
	})
}
