# SPDX-License-Identifier: MIT
# What tests/prove adds to prove(1): the output of a failed program, the reason of each skipped case, and a last line that counts
# cases. A program that fails without a failed case (killed, no plan, an exit status) counts as one failed case.
package CountCases;

use strict;
use warnings;
use TAP::Formatter::Console;
use TAP::Formatter::File;

# like prove(1)
our @ISA = (-t STDOUT ? 'TAP::Formatter::Console' : 'TAP::Formatter::File');

my (@skipped, $good);

sub skip_line {
	my ($name, $test) = @_;
	(my $case = $test->description) =~ s/^- //;
	return join ': ', $name, grep { length } $case, $test->explanation;
}

sub open_test {
	my ($self, $name, $parser) = @_;
	my @lines;
	my $print = sub { $self->_output(join '', map { "    | $_\n" } @_) };
	$parser->callback(ALL => sub { push @lines, $_[0]->raw });
	$parser->callback(test => sub { push @skipped, skip_line($name, $_[0]) if $_[0]->has_skip });
	$parser->callback(EOF => sub { $print->("$name:", @lines) if $_[0]->has_problems && !$self->verbose });
	return $self->SUPER::open_test($name, $parser);
}

sub summary {
	my ($self, $aggregate, @rest) = @_;
	my ($passed, $failed) = (0, 0);
	$self->SUPER::summary($aggregate, @rest);
	for my $name ($aggregate->descriptions) {
		my ($parser) = $aggregate->parsers($name);
		my $empty = !$parser->has_problems && !$parser->tests_run && !$ENV{TEST_CASE};
		if ($empty && defined $parser->skip_all && $parser->skip_all ne '(no reason given)') {
			push @skipped, "$name: " . $parser->skip_all;
		} elsif ($empty) {
			$self->_output("$name has no cases\n");
			$failed++;
		}
		$passed += $parser->passed - $parser->skipped;
		$failed += scalar($parser->failed) || ($parser->has_problems ? 1 : 0);
	}
	$self->_output("no program has a case '$ENV{TEST_CASE}'\n") if $ENV{TEST_CASE} && !$passed && !$failed && !@skipped;
	$self->_output("skipped: $_\n") for @skipped;
	$self->_output("$passed passed, $failed failed" . (@skipped ? ', ' . @skipped . " skipped\n" : "\n"));
	$good = $passed && !$failed;
}

END { $? ||= 1 unless $good }

1;
