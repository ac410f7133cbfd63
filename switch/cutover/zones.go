package cutover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"switchyard/switch/journal"
	"switchyard/switch/payment"
)

// zones finds the time zone of records that were made for earlier files, so that what repeats one of them has its DE12
// to the second, though the zone was configured anew since. Not for use by several goroutines.
type zones struct {
	journal Records
	known   map[zoneKey]*time.Location
}

// zoneKey is a window of a destination on a date; 0 and none: the date's own files.
type zoneKey struct {
	date        payment.Date
	window      int
	destination string
}

// of is the zone of the file that an operation was presented in; nil where the journal has no plan of it.
func (z *zones) of(ctx context.Context, destination string, op *payment.Op) (*time.Location, error) {
	key := zoneKey{date: op.Filed(), window: op.Window}
	if key.window != 0 {
		key.destination = destination
	}
	if zone, known := z.known[key]; known {
		return zone, nil
	}
	var zone *time.Location
	p, err := z.plan(ctx, key)
	if err == nil && p != nil {
		zone, err = time.LoadLocation(p.Location)
	}
	if err != nil {
		return nil, fmt.Errorf("record of business date %s: %w", key.date, err)
	}
	if z.known == nil {
		z.known = map[zoneKey]*time.Location{}
	}
	z.known[key] = zone
	return zone, nil
}

func (z *zones) plan(ctx context.Context, key zoneKey) (*plan, error) {
	day, err := z.journal.Day(ctx, key.date)
	if errors.Is(err, journal.ErrNotFound) || err == nil && len(day.Data) == 0 {
		return nil, nil
	}
	var p plan
	if err = errors.Join(err, json.Unmarshal(day.Data, &p)); err != nil {
		return nil, err
	}
	for _, part := range p.parts() { // that of a date that is not sealed has windows and nothing else
		if part.Window == key.window && part.Destination == key.destination && part.Location != "" {
			return part, nil
		}
	}
	return nil, nil
}
