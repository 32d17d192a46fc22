# Sharing a video
share = 分享
share-link = 链接
share-copy = 复制
share-start = 从当前时间开始
share-at = 从 { $time } 开始
share-clip = 只分享一个片段
share-from = 开始
share-to = 结束
share-now = 当前时间
share-from-now = 把当前时间设为开始
share-to-now = 把当前时间设为结束
share-clip-time = 时间请写成 1:30 或 1:30.5 的形式。
share-clip-order = 结束时间必须晚于开始时间。
share-clip-length = 视频总长只有 { $time }。
share-clip-file = 下载这个片段（MP4）
share-clip-long = 只能下载 10 分钟以内的片段。
share-code = 嵌入代码
beside = 更多视频
person-feed = RSS 订阅

# The player in other sites' pages
embed-title = 无法播放
embed-missing = 这个视频不能在其他网站播放：可能是私密视频、已删除或尚未就绪。
