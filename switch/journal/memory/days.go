package memory

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// OpenDay implements journal.Journal.
func (j *Journal) OpenDay() payment.Date {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.s.open
}

// Cutover implements journal.Journal.
func (j *Journal) Cutover(ctx context.Context, from, next payment.Date) error {
	if err := journal.CheckCutover(from, next); err != nil {
		return err
	}
	return j.with(ctx, func(s *Store) error {
		if _, opened := s.days[next]; opened || s.open != from {
			return journal.ErrDayClosed
		}
		if d, ok := s.days[from]; ok {
			d.State = journal.DayClosing
			s.days[from] = d
		}
		s.days[next], s.open = journal.Day{Date: next, State: journal.DayOpen}, next
		return nil
	})
}

// SetDay implements journal.Journal.
func (j *Journal) SetDay(ctx context.Context, d journal.Day) error {
	if err := d.Check(); err != nil {
		return err
	}
	return j.with(ctx, func(s *Store) error {
		if !d.State.Follows(s.days[d.Date].State) {
			return journal.ErrDayClosed
		}
		d.Data = bytes.Clone(d.Data)
		s.days[d.Date] = d
		return nil
	})
}

// Day implements journal.Journal.
func (j *Journal) Day(ctx context.Context, date payment.Date) (d journal.Day, err error) {
	err = j.with(context.WithoutCancel(ctx), func(s *Store) (err error) {
		d, err = find(s.days, date)
		d.Data = bytes.Clone(d.Data)
		return err
	})
	return d, err
}

// Days implements journal.Journal.
func (j *Journal) Days(ctx context.Context, yield func(journal.Day) bool) error {
	var list []journal.Day
	err := j.with(ctx, func(s *Store) error {
		for _, date := range slices.Sorted(maps.Keys(s.days)) {
			d := s.days[date]
			d.Data = bytes.Clone(d.Data)
			list = append(list, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, list, yield)
}

// Amend implements journal.Journal.
func (j *Journal) Amend(ctx context.Context, rows ...journal.Presentment) error {
	for i := range rows {
		if err := rows[i].Check(); err != nil {
			return err
		}
	}
	return j.with(ctx, func(s *Store) error {
		for i := range rows {
			if !s.unsealed(rows[i].Date) {
				return journal.ErrDayClosed
			}
			if _, err := find(s.present, rows[i].PresentmentRef); err != nil {
				return err
			}
		}
		for i := range rows {
			s.present[rows[i].PresentmentRef] = bytes.Clone(rows[i].Data)
		}
		return nil
	})
}

// Presentments implements journal.Journal.
func (j *Journal) Presentments(ctx context.Context, date payment.Date, yield func(journal.Presentment) bool) error {
	var list []journal.Presentment
	err := j.with(ctx, func(s *Store) error {
		for ref, data := range s.present {
			if ref.Date == date {
				list = append(list, journal.Presentment{PresentmentRef: ref, Data: bytes.Clone(data)})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b journal.Presentment) int {
		return cmp.Or(cmp.Compare(a.Destination, b.Destination), compareIDs(a.Payment, b.Payment), cmp.Compare(a.Op, b.Op))
	})
	return each(ctx, list, yield)
}

// Presentment implements journal.Journal.
func (j *Journal) Presentment(ctx context.Context, ref journal.PresentmentRef) (journal.Presentment, error) {
	p := journal.Presentment{PresentmentRef: ref}
	err := j.with(context.WithoutCancel(ctx), func(s *Store) error {
		data, err := find(s.present, ref)
		p.Data = bytes.Clone(data)
		return err
	})
	return p, err
}
