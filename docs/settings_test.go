package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/config/configtest"
	txswitch "switchyard/switch"
	"switchyard/switch/merchant"
)

// What a change of a key means for payments that exist stands in operations.md for each of the configuration and of a
// merchant's profile: by its name, or below one with .*, so that nobody adds a key without having asked.
func TestOperationsSaysWhatAChangeMeans(t *testing.T) {
	var there, sections []string
	add := func(prefix string, of any) {
		for _, key := range configtest.Keys(of) {
			switch {
			case key.Section:
				sections = append(sections, prefix+key.Path)
			default:
				there = append(there, prefix+key.Path)
			}
		}
	}
	add("", txswitch.Config{})
	add("merchants[].", merchant.Profile{})
	if least := 100; len(there) < least {
		t.Fatalf("the configuration has only %d keys", len(there))
	}
	listed := changesListed(read(t, "operations.md"))
	for _, key := range there {
		if !slices.ContainsFunc(listed, func(name string) bool { return stands(name, key) }) {
			t.Errorf("operations.md does not say what a change of %s means for payments that exist", key)
		}
	}
	for _, name := range listed {
		isOne := func(key string) bool { return stands(name, key) }
		if !slices.Contains(sections, name) && !slices.ContainsFunc(there, isOne) {
			t.Errorf("operations.md says what a change of %s means, which there is not", name)
		}
	}
}

// stands tells whether what the table lists is a key, or all that is below a section of which it is.
func stands(listed, key string) bool {
	below, all := strings.CutSuffix(listed, "*")
	return listed == key || all && strings.HasPrefix(key, below)
}

// changesListed are the keys in the first column of the table. Of several in a row those behind a comma stand beside
// the first, and a semicolon begins anew.
func changesListed(text string) (keys []string) {
	_, text, _ = strings.Cut(text, "### What a change means for payments that exist\n")
	text, _, _ = strings.Cut(text, "\n#")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(text, -1) {
		for group := range strings.SplitSeq(row[1], ";") {
			beside := ""
			for i, name := range regexp.MustCompile("`[^`]*`").FindAllString(group, -1) {
				name = strings.Trim(name, "`")
				if i == 0 {
					beside = name[:strings.LastIndexByte(name, '.')+1]
				} else {
					name = beside + name
				}
				keys = append(keys, name)
			}
		}
	}
	return keys
}
