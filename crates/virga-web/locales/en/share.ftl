# Sharing a video
share = Share
share-link = Link
share-copy = Copy
share-start = Start at current time
share-at = Start at { $time }
share-clip = Share only a part
share-from = Start
share-to = End
share-now = Current time
share-from-now = Start at the current time
share-to-now = End at the current time
share-clip-time = Write the time like 1:30 or 1:30.5.
share-clip-order = The end must come after the start.
share-clip-length = The video is only { $time } long.
share-clip-file = Download this part (MP4)
share-clip-long = Only parts of up to 10 minutes can be downloaded.
share-code = Embed code
beside = More videos
person-feed = RSS

# The player in other sites' pages
embed-title = Video unavailable
embed-missing = This video cannot be shown on other sites: it is private, deleted, or not ready yet.
