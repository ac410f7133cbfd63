package mapping

import (
	"time"

	"switchyard/spec"
)

// Canonical dates have no year. They are told from the moment that a message is about: the nearest year.

const (
	timeDigits = 12 // of DE12 with its date
	dateDigits = 6  // of DE15 with its year
)

// appendYear appends the two digits of the year in which MMDD is nearest to a moment.
func appendYear(dst []byte, at time.Time, mmdd []byte) []byte {
	at = at.UTC()
	year := at.Year()
	apart := days(two(mmdd), two(mmdd[2:])) - days(int(at.Month()), at.Day())
	switch {
	case apart > days(6, 0):
		year--
	case apart < -days(6, 0):
		year++
	}
	return append(dst, '0'+byte(year/10%10), '0'+byte(year%10))
}

// days is a day of the year, near enough.
func days(month, day int) int { return month*31 + day }

func two(b []byte) int { return int(b[0]-'0')*10 + int(b[1]-'0') }

// dates gives DE12, 13 and 15 the forms that the dialect has.
func (m *Mapping) dates(msg *spec.Message, at time.Time) error {
	if err := m.dateTime(msg, at); err != nil {
		return err
	}
	if m.longDate {
		return longDate(msg, deSettlement, deSettlement, at)
	}
	return nil
}

// dateTime makes one element of DE12 and DE13 where the dialect has one.
func (m *Mapping) dateTime(msg *spec.Message, at time.Time) error {
	if !m.longTime {
		return nil
	}
	day, clock := msg.Bytes(deDate), msg.Bytes(deTime)
	if clock == nil || len(clock) == timeDigits {
		return nil
	}
	if len(day) != 4 || len(clock) != 6 || !digits(day) {
		return refuse(deDate, "MMDD, with hhmmss in DE12")
	}
	var room [timeDigits]byte
	msg.SetBytes(deTime, append(append(appendYear(room[:0], at, day), day...), clock...))
	msg.Unset(deDate)
	return nil
}

// longDate makes YYMMDD of MMDD, in another element if need be.
func longDate(msg *spec.Message, from, to int, at time.Time) error {
	day := msg.Bytes(from)
	if day == nil {
		return nil
	}
	if len(day) != 4 || !digits(day) {
		return refuse(from, "MMDD")
	}
	var room [dateDigits]byte
	out := append(appendYear(room[:0], at, day), day...)
	msg.Unset(from)
	msg.SetBytes(to, out)
	return nil
}

// undates makes the canonical DE12, 13 and 15.
func (m *Mapping) undates(msg *spec.Message) {
	if clock := msg.Bytes(deTime); m.longTime && len(clock) == timeDigits {
		var room [timeDigits]byte
		copy(room[:], clock)
		msg.SetBytes(deDate, room[2:6])
		msg.SetBytes(deTime, room[6:])
	}
	if m.longDate {
		shortDate(msg, deSettlement, deSettlement)
	}
}

// shortDate makes MMDD of YYMMDD.
func shortDate(msg *spec.Message, from, to int) {
	var room [4]byte
	day := msg.Bytes(from)
	if len(day) != dateDigits {
		return
	}
	copy(room[:], day[2:])
	msg.Unset(from)
	msg.SetBytes(to, room[:])
}
