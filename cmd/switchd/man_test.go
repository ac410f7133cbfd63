package main

import (
	"testing"

	"switchyard/internal/manpage/manpagetest"
)

func TestManualPages(t *testing.T) { manpagetest.EachCommandHasAPage(t, newRootCmd()) }
