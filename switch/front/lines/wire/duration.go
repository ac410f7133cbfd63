package wire

import (
	"strconv"
	"strings"
	"time"
)

const (
	// maxDurationDigits bounds each number of a duration, so that none passes what 64 bits hold.
	maxDurationDigits = 7
	// mostSeconds is what a longer duration is taken for: more than any request may ask for.
	mostSeconds = 1 << 32
)

// durationUnit is a letter of a duration of ISO 8601; those behind T are of the time of day.
type durationUnit struct {
	letter  byte
	ofADay  bool
	seconds int64
}

// durationUnits are those that are taken, in their order.
var durationUnits = [...]durationUnit{{'D', false, 24 * 3600}, {'H', true, 3600}, {'M', true, 60}, {'S', true, 1}}

func (u durationUnit) is(letter byte, inTime bool) bool {
	return u.letter == letter && u.ofADay == inTime
}

// parseDuration reads a duration of ISO 8601 in whole days, hours, minutes and seconds, such as PT48H or P1DT12H; ok is
// false for any other and for none at all.
func parseDuration(text string) (_ time.Duration, ok bool) {
	rest, ok := strings.CutPrefix(text, "P")
	if !ok || rest == "" {
		return 0, false
	}
	var total int64
	inTime := false
	unit := 0
	for rest != "" {
		if rest[0] == 'T' && !inTime {
			inTime, rest = true, rest[1:]
			continue
		}
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == 0 || digits > maxDurationDigits || digits == len(rest) {
			return 0, false
		}
		for unit < len(durationUnits) && !durationUnits[unit].is(rest[digits], inTime) {
			unit++
		}
		if unit == len(durationUnits) {
			return 0, false
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, false
		}
		total += n * durationUnits[unit].seconds
		unit++
		rest = rest[digits+1:]
	}
	return time.Duration(min(total, mostSeconds)) * time.Second, total > 0 && text[len(text)-1] != 'T'
}

// formatDuration writes a duration of whole seconds as ISO 8601 has it.
func formatDuration(d time.Duration) string {
	seconds := int64(d / time.Second)
	switch {
	case seconds%3600 == 0:
		return "PT" + strconv.FormatInt(seconds/3600, 10) + "H"
	case seconds%60 == 0:
		return "PT" + strconv.FormatInt(seconds/60, 10) + "M"
	}
	return "PT" + strconv.FormatInt(seconds, 10) + "S"
}
