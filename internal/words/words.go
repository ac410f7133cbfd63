// Package words has what texts for people are made of, where a format does not do: how many there are of something.
package words

import "fmt"

// Count is so many of what a noun names: "1 file", "0 files", "2 files". The noun takes an s in the plural.
func Count[N ~int | ~int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
