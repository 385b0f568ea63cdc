# records.pl - the file results.json, which bench/run makes, and bench/report and bench/charts read:
#
#     environment   what was run, where, on what, built how
#     results       a record for each workload, parameters, unit and program: median, min, max and all runs
#     growth        the same, of sizes that are in the charts of growth only
#     targets       what was to be reached, and whether it was (bench/report adds it)
#
# A record is a line, so that two files can be compared.
use strict;
use warnings;
use JSON::PP;

my @lists = qw(results growth targets);

sub read_file {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}

sub write_file {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    print $file $text;
    close $file or die "$path: $!\n";
}

sub read_records { return decode_json(read_file("$_[0]/results.json") || die "$_[0]/results.json: nothing there\n") }

sub write_records {
    my ($directory, $records) = @_;
    my $line = JSON::PP->new->canonical->utf8;
    my $environment = JSON::PP->new->canonical->utf8->pretty->encode($records->{environment});
    my $text = "{\n\"environment\": $environment";
    for my $list (grep { $records->{$_} } @lists) {
        $text .= ",\n\"$list\": [\n" . join(",\n", map { $line->encode($_) } @{$records->{$list}}) . "\n]";
    }
    write_file("$directory/results.json", "$text\n}\n");
}

# 3.14, 31.4, 314, 3,142: what can be read at a glance.
sub figure {
    my ($value) = @_;
    my $digits = $value >= 100 ? 0 : $value >= 10 ? 1 : $value >= 0.1 || $value == 0 ? 2 : 4;
    my ($whole, $rest) = sprintf("%.${digits}f", $value) =~ /^(\d+)(.*)$/;
    return thousands($whole) . $rest;
}

sub thousands { my $n = reverse $_[0]; $n =~ s/(\d{3})(?=\d)/$1,/g; return scalar reverse $n }

sub median { my @sorted = sort { $a <=> $b } @_; return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2 }

1;
