package incoming

import (
	"strings"
	"unicode/utf8"
)

// maxNameBytes is as much of a file's name as is kept: what a folder lets one have.
const maxNameBytes = 255

// shownName is a file's name as it is kept and told. Who sends a file names it: what could be a card number is masked
// (I12), nothing moves a terminal, and what is too long is cut.
func shownName(name string) string {
	name = clean(strings.ToValidUTF8(name, "?"))
	if len(name) <= maxNameBytes {
		return name
	}
	end := maxNameBytes
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}
