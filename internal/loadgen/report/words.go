package report

import (
	"math"
	"strconv"
)

// number is a number with as many decimals as say something: three digits, and all of a whole number.
func number(x float64) string {
	switch size := math.Abs(x); {
	case x == math.Trunc(x):
		return strconv.FormatFloat(x, 'f', 0, 64)
	case size >= 100:
		return trim(strconv.FormatFloat(x, 'f', 1, 64))
	case size >= 10:
		return trim(strconv.FormatFloat(x, 'f', 2, 64))
	default:
		return trim(strconv.FormatFloat(x, 'f', 3, 64))
	}
}

// trim takes zeros off the end of decimals.
func trim(s string) string {
	for len(s) > 0 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if len(s) > 0 && s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

// millis is a time in milliseconds to three digits or to the microsecond.
func millis(ms float64) string {
	switch {
	case ms >= 100:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case ms >= 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms >= 1:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	default:
		return strconv.FormatFloat(ms, 'f', 3, 64) + " ms"
	}
}

func quantity(x float64, unit string) string {
	switch unit {
	case "":
		return number(x)
	case "%":
		return number(x) + "%"
	default:
		return number(x) + " " + unit
	}
}
