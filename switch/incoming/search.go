package incoming

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"switchyard/switch/clearing"
	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// There is no index by acquirer reference. What records' RRNs do not lead to is sought for a long stretch of the file
// at once, so that a business date is gone through once for all of them, and first where little has to be read: a
// reject says as which message of which file the presentment stood.

// search is what was found for a stretch of the file.
type search struct {
	until  int // the first record behind the stretch
	places map[reference]place
}

// mostSought is how many presentments are sought at once, which bounds the stretch.
const mostSought = 1 << 17

// elsewhere tells where the presentment of a record stands that its RRN does not lead to.
func (a *applying) elsewhere(ctx context.Context, it *item) (place, error) {
	if it.number >= a.search.until {
		if err := a.seek(ctx, it.number); err != nil {
			return place{}, err
		}
	}
	if at, found := a.search.places[it.reference()]; found {
		return at, nil
	}
	return place{why: whyUnknown}, nil
}

// message names a record of a file of ours.
type message struct {
	file   string
	number int // DE71
}

// sought is what records say of where a presentment stands. Business dates of which they say nothing are 0.
type sought struct {
	as    message      // of a reject
	filed payment.Date // of its file
	dated payment.Date // of the acquirer reference
}

// add adds what a record says.
func (s *sought) add(it *item, now payment.Date) {
	s.dated, _ = dateOf(it.arn, now)
	id, err := clearing.ParseFileID(it.file)
	if it.kind != payment.KindReject || err != nil {
		return
	}
	s.filed, s.as.file = payment.DateOf(id.Date), it.file
	s.as.number, _ = strconv.Atoi(it.message) // of one that is no number, the date is left
}

// seek looks for what the records of a stretch name and their RRNs do not lead to, from a record on.
func (a *applying) seek(ctx context.Context, from int) error {
	newest, err := a.o.Journal.NewestPayment(ctx)
	if err != nil {
		return err
	}
	now := payment.DateOf(a.o.Clock.Now())
	wanted := map[reference]*sought{}
	var failed error
	a.search = search{places: map[reference]place{}}
	err = a.eachItem(from, func(it *item) bool {
		a.search.until = it.next
		if !it.movesOne() || it.arn == "" {
			return true
		}
		one := wanted[it.reference()]
		if one == nil {
			var at place
			if at, failed = a.byRRN(ctx, it, newest); failed != nil || at.why != whyUnknown {
				return failed == nil
			}
			one = &sought{}
			wanted[it.reference()] = one
		}
		one.add(it, now)
		return len(wanted) < mostSought
	})
	if err = errors.Join(failed, err); err != nil {
		return err
	}
	for _, look := range []func(context.Context, map[reference]*sought) error{a.asMessages, a.onDates, a.carried} {
		if err := look(ctx, wanted); err != nil {
			return err
		}
		a.dropFound(wanted)
	}
	return nil
}

// dropFound leaves what is not found yet.
func (a *applying) dropFound(wanted map[reference]*sought) {
	maps.DeleteFunc(wanted, func(name reference, _ *sought) bool {
		_, found := a.search.places[name]
		return found
	})
}

// asMessages looks at the messages that rejects name: no other presentment is read.
func (a *applying) asMessages(ctx context.Context, wanted map[reference]*sought) error {
	onDate := map[payment.Date]map[message]bool{}
	for _, one := range wanted {
		if one.as.number == 0 {
			continue
		}
		if onDate[one.filed] == nil {
			onDate[one.filed] = map[message]bool{}
		}
		onDate[one.filed][one.as] = true
	}
	for _, date := range slices.Sorted(maps.Keys(onDate)) {
		named := onDate[date]
		day, err := a.day(ctx, date)
		if err != nil {
			return err
		}
		if day.delivered { // which presentments stand as which message is not known
			continue
		}
		laid := day.layout()
		err = a.look(ctx, date, wanted, func(row *journal.Presentment) (here, more bool) {
			as := laid.next(row)
			here = named[as]
			delete(named, as)
			return here, len(named) > 0
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// onDates looks among all presentments of the business dates that rejects and acquirer references name.
func (a *applying) onDates(ctx context.Context, wanted map[reference]*sought) error {
	onDate := map[payment.Date]map[reference]*sought{}
	for name, one := range wanted {
		for _, date := range []payment.Date{one.filed, one.dated} {
			enter(onDate, date, name, one)
		}
	}
	for _, date := range slices.Sorted(maps.Keys(onDate)) {
		if err := a.lookAll(ctx, date, onDate[date]); err != nil {
			return err
		}
	}
	return nil
}

// carried looks on the business dates into which presentments of the acquirer references' dates were carried, and from
// there on.
func (a *applying) carried(ctx context.Context, wanted map[reference]*sought) error {
	onDate := map[payment.Date]map[reference]*sought{} // yet to be looked at
	follow := func(date payment.Date, wanted map[reference]*sought) error {
		day, err := a.day(ctx, date)
		if err != nil {
			return err
		}
		for next := date.Next(); next <= day.carriedUntil; next = next.Next() {
			for name, one := range wanted {
				enter(onDate, next, name, one)
			}
		}
		return nil
	}
	from := map[payment.Date]map[reference]*sought{}
	for name, one := range wanted {
		enter(from, one.dated, name, one)
	}
	for date, dated := range from {
		if err := follow(date, dated); err != nil {
			return err
		}
	}
	for len(onDate) > 0 {
		date := slices.Min(slices.Collect(maps.Keys(onDate)))
		wanted := onDate[date]
		delete(onDate, date)
		if err := a.lookAll(ctx, date, wanted); err != nil {
			return err
		}
		if err := follow(date, wanted); err != nil {
			return err
		}
	}
	return nil
}

// enter notes that a presentment is to be looked for on a business date, unless that is none.
func enter(on map[payment.Date]map[reference]*sought, date payment.Date, name reference, one *sought) {
	if date == 0 {
		return
	}
	if on[date] == nil {
		on[date] = map[reference]*sought{}
	}
	on[date][name] = one
}

// lookAll looks among all presentments of a business date for those that are wanted, and leaves those that it does not
// find.
func (a *applying) lookAll(ctx context.Context, date payment.Date, wanted map[reference]*sought) error {
	if a.dropFound(wanted); len(wanted) == 0 {
		return nil
	}
	err := a.look(ctx, date, wanted, func(*journal.Presentment) (here, more bool) { return true, true })
	a.dropFound(wanted)
	return err
}

// look looks for wanted presentments among those of a business date that which points at, as long as it says that there
// are more.
func (a *applying) look(
	ctx context.Context, date payment.Date, wanted map[reference]*sought,
	which func(*journal.Presentment) (here, more bool),
) error {
	left := len(wanted)
	var failed error
	err := a.o.Journal.Presentments(ctx, date, func(row journal.Presentment) bool {
		here, more := which(&row)
		if !here {
			return more
		}
		var p *payment.Payment
		if p, failed = a.o.Journal.Payment(ctx, row.Payment); failed != nil || row.Op >= len(p.Ops) {
			return failed == nil && more
		}
		name := referenceOf(&p.Ops[row.Op])
		if _, found := a.search.places[name]; wanted[name] != nil && !found {
			a.search.places[name] = place{payment: row.Payment, op: first(p, row.Op)}
			left--
		}
		return more && left > 0
	})
	return errors.Join(failed, err)
}
